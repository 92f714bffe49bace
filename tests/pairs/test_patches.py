import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.pairs import PairsConfig
from lfsr_tf.pairs.patches import cut_patches, draw_positions, usable_positions

KEYS = tf.constant([11, -7, 2**40], tf.int64)


@pytest.mark.parametrize("scale", [2, 4])
def test_usable_positions_are_those_whose_hr_window_shows_enough_head(scale: int) -> None:
    config = PairsConfig(hr_size=32, scale=scale, lr_patch=3, min_patch_head=0.4)
    hr = np.random.default_rng(0).random((2, 32, 32)).astype(np.float32) ** 4.5
    found = usable_positions(tf.constant(hr), config).numpy()
    side = 3 * scale
    for index in np.ndindex(found.shape):
        y, x = scale * index[1], scale * index[2]
        window = hr[index[0], y : y + side, x : x + side]
        assert found[index] == ((window > config.head_threshold).mean() >= 0.4)
    assert found.shape == (2, 32 // scale - 2, 32 // scale - 2)
    assert 0 < found.mean() < 1


def test_empty_background_is_never_usable_whatever_the_threshold() -> None:
    config = PairsConfig(hr_size=32, lr_patch=4, min_patch_head=0.0)
    assert not usable_positions(tf.zeros([1, 32, 32]), config).numpy().any()


def test_drawn_positions_are_usable_and_all_different() -> None:
    usable = np.random.default_rng(1).random((3, 13, 13)) < 0.5
    positions = draw_positions(tf.constant(usable), KEYS, 40).numpy()
    for image, drawn in zip(usable, positions, strict=True):
        assert image[tuple(drawn.T)].all()
        assert len(np.unique(drawn, axis=0)) == 40


def test_a_longer_draw_begins_like_a_shorter_one() -> None:
    usable = tf.ones([3, 13, 13], tf.bool)
    np.testing.assert_array_equal(draw_positions(usable, KEYS, 20)[:, :7], draw_positions(usable, KEYS, 7))


def test_positions_depend_on_the_key_alone() -> None:
    usable = tf.ones([3, 13, 13], tf.bool)
    together = draw_positions(usable, KEYS, 9)
    for index in range(3):
        alone = draw_positions(usable[:1], KEYS[index : index + 1], 9)
        np.testing.assert_array_equal(together[index], alone[0])
    assert not np.array_equal(together[0], together[1])


def test_every_position_is_equally_likely() -> None:
    usable = tf.ones([4000, 4, 4], tf.bool)
    drawn = draw_positions(usable, tf.range(4000, dtype=tf.int64) * 7919, 1).numpy()[:, 0]
    counts = np.bincount(drawn[:, 0] * 4 + drawn[:, 1], minlength=16)
    # 250 each expected; six standard deviations.
    assert abs(counts - 250).max() < 6 * np.sqrt(250)


def test_a_slice_with_few_usable_positions_repeats_them() -> None:
    usable = np.zeros((1, 6, 6), bool)
    usable[0, 2, 3] = usable[0, 4, 1] = True
    drawn = draw_positions(tf.constant(usable), KEYS[:1], 5).numpy()[0]
    assert {tuple(position) for position in drawn} == {(2, 3), (4, 1)}


def test_a_slice_of_fewer_positions_than_patches_repeats_them() -> None:
    drawn = draw_positions(tf.ones([1, 2, 2], tf.bool), KEYS[:1], 9).numpy()[0]
    assert len({tuple(position) for position in drawn[:4]}) == 4
    np.testing.assert_array_equal(drawn[4:8], drawn[:4])


def test_cut_patches_are_slices_of_the_image() -> None:
    images = np.random.default_rng(2).random((2, 9, 12)).astype(np.float32)
    corners = np.array([[[0, 0], [5, 8]], [[3, 1], [2, 7]]], np.int32)
    patches = cut_patches(tf.constant(images), tf.constant(corners), 4).numpy()
    for image, number in np.ndindex(2, 2):
        y, x = corners[image, number]
        np.testing.assert_array_equal(patches[image, number], images[image, y : y + 4, x : x + 4])
