"""Flips keep LR sample i at HR sample s*i."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.training.augment import mirror, random_flips


def pairs_on_one_grid(batch: int, size: int, scale: int) -> tuple[tf.Tensor, tf.Tensor]:
    """HR is any image; LR is its every s-th sample, sample 0 first."""
    hr = np.random.default_rng(0).random((batch, size * scale, size * scale, 1), np.float32)
    return tf.constant(hr[:, ::scale, ::scale]), tf.constant(hr)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("seed", range(6))
def test_lr_samples_stay_on_their_hr_samples(scale: int, seed: int) -> None:
    lr, hr = pairs_on_one_grid(8, 6, scale)
    lr, hr = random_flips(lr, hr, tf.constant([seed, 1]))
    assert lr.shape == (8, 5, 5, 1)
    assert hr.shape == (8, 5 * scale, 5 * scale, 1)
    np.testing.assert_array_equal(lr, hr[:, ::scale, ::scale])


def test_a_mirrored_pair_is_the_original_read_backwards_without_its_first_sample() -> None:
    lr, hr = pairs_on_one_grid(2, 4, 2)
    mirrored_lr, mirrored_hr = mirror(lr, hr, tf.constant([True, False]), axis=1)
    np.testing.assert_array_equal(mirrored_lr[0], lr[0, :0:-1])
    np.testing.assert_array_equal(mirrored_hr[0], hr[0, 6:0:-1])
    np.testing.assert_array_equal(mirrored_lr[1], lr[1, :3])
    np.testing.assert_array_equal(mirrored_hr[1], hr[1, :6])


def test_all_eight_orientations_occur() -> None:
    lr, hr = pairs_on_one_grid(1, 3, 2)
    lr, hr = tf.repeat(lr, 200, axis=0), tf.repeat(hr, 200, axis=0)
    flipped, _ = random_flips(lr, hr, tf.constant([0, 0]))
    assert len({image.tobytes() for image in flipped.numpy()}) == 8


def test_the_same_key_gives_the_same_flips_alone_and_inside_a_dataset() -> None:
    lr, hr = pairs_on_one_grid(8, 4, 2)
    key = tf.constant([3, 4])
    alone = random_flips(lr, hr, key)[0]
    inside = next(iter(tf.data.Dataset.from_tensors((lr, hr)).map(lambda a, b: random_flips(a, b, key))))[0]
    np.testing.assert_array_equal(alone, inside)
