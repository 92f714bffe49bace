"""Flips keep LR sample i at HR sample s*i."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.physics import AcquisitionConfig, simulate_acquisition
from lfsr_tf.training.augment import axes_are_alike, mirror, random_flips


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


def test_four_orientations_are_left_without_transposition() -> None:
    lr, hr = pairs_on_one_grid(1, 3, 2)
    lr, hr = tf.repeat(lr, 200, axis=0), tf.repeat(hr, 200, axis=0)
    key = tf.constant([0, 0])
    flipped, _ = random_flips(lr, hr, key, transpose=False)
    assert {image.tobytes() for image in flipped.numpy()} < {
        image.tobytes() for image in random_flips(lr, hr, key)[0].numpy()
    }
    assert len({image.tobytes() for image in flipped.numpy()}) == 4


def periodic_mirror(image: tf.Tensor, axis: int) -> tf.Tensor:
    return tf.roll(tf.reverse(image, [axis]), 1, axis)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"elliptical": True, "apodisation": 1.0},
        {"apodisation": 0.7, "apodisation_window": "fermi"},
        {"t2_decay": 2.0},
        {"t2_decay": 2.0, "echo_order": "centric"},
    ],
    ids=str,
)
def test_pairs_are_transposed_where_the_scanner_makes_no_difference(settings: dict[str, object]) -> None:
    config = AcquisitionConfig(**settings)  # type: ignore[arg-type]
    # Without the line at the rim of k-space, which has no partner.
    rng = np.random.default_rng(0)
    spectrum = np.fft.fft2(rng.random((1, 24, 24)))
    spectrum[:, 6], spectrum[:, -6], spectrum[:, :, 6], spectrum[:, :, -6] = 0, 0, 0, 0
    hr = tf.constant(np.fft.ifft2(spectrum).real, tf.float32)
    seeds, sigma = tf.zeros((1, 2), tf.int32), tf.zeros(1)

    def acquired(image: tf.Tensor) -> tf.Tensor:
        return simulate_acquisition(image, sigma, seeds, (12, 12), config)

    for axis in (1, 2):
        mirrored = periodic_mirror(acquired(hr), axis)
        np.testing.assert_allclose(mirrored, acquired(periodic_mirror(hr, axis)), atol=1e-5)
    transposed = tf.transpose(acquired(hr), (0, 2, 1))
    same = np.allclose(transposed, acquired(tf.transpose(hr, (0, 2, 1))), atol=1e-5)
    assert same == axes_are_alike(config)
