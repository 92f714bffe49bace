from dataclasses import replace

import numpy as np
import tensorflow as tf

from lfsr_tf.pairs import PairsConfig
from lfsr_tf.pairs.degrade import degrade
from lfsr_tf.physics.sampling import fourier_downsample
from lfsr_tf.physics.settings import AcquisitionConfig

CONFIG = PairsConfig(hr_size=32, lr_patch=8)
KEYS = tf.range(64, dtype=tf.int64) * 10**15
HR = tf.constant(np.random.default_rng(0).random((64, 32, 32)), tf.float32)


def test_without_noise_lr_is_the_downsampled_hr() -> None:
    config = PairsConfig(hr_size=32, lr_patch=8, acquisition=AcquisitionConfig(sigma_max=0.0))
    lr, sigma = degrade(HR, KEYS, config)
    np.testing.assert_allclose(lr, tf.abs(fourier_downsample(HR, (16, 16))), atol=1e-5)
    assert not sigma.numpy().any()


def test_the_bytes_of_an_image_do_not_depend_on_its_batch() -> None:
    together, sigmas = degrade(HR, KEYS, CONFIG)
    for part in (slice(0, 1), slice(5, 12), slice(63, 64)):
        alone, sigma = degrade(HR[part], KEYS[part], CONFIG)
        np.testing.assert_array_equal(alone, together[part])
        np.testing.assert_array_equal(sigma, sigmas[part])


def test_the_noise_has_the_sigma_that_is_recorded() -> None:
    bright = tf.fill([64, 32, 32], 1.0)
    lr, sigma = degrade(bright, KEYS, CONFIG)
    # Far from zero the Rician noise is Gaussian with one channel's sigma; 256 samples an image.
    measured = tf.math.reduce_std(lr, axis=(1, 2))
    np.testing.assert_allclose(measured, sigma, rtol=0.25, atol=1e-3)
    assert np.ptp(sigma) > 0.06 and sigma.numpy().max() <= 0.08


def test_sigma_and_noise_are_independent() -> None:
    keys = tf.range(4000, dtype=tf.int64)
    lr, sigma = degrade(tf.ones([4000, 32, 32]), keys, CONFIG)
    first_sample = (lr[:, 0, 0] - 1.0) / sigma
    assert abs(np.corrcoef(first_sample, sigma)[0, 1]) < 0.08


def test_the_chosen_share_of_slices_is_their_part_in_phase() -> None:
    keys = tf.range(400, dtype=tf.int64) * 7919
    hr = tf.zeros([400, 32, 32])
    config = replace(CONFIG, acquisition=AcquisitionConfig(sigma_min=0.05, sigma_max=0.05))
    none, half, all_of_them = (degrade(hr, keys, config, share)[0].numpy() for share in (0.0, 0.5, 1.0))
    # In air a magnitude is never 0, and the part in phase often is.
    assert (none > 0.0).all()
    is_in_phase = (half == 0.0).any(axis=(1, 2))
    assert 0.4 < is_in_phase.mean() < 0.6
    np.testing.assert_array_equal(half[is_in_phase], all_of_them[is_in_phase])
    np.testing.assert_array_equal(half[~is_in_phase], none[~is_in_phase])


def test_which_slices_those_are_does_not_depend_on_the_batch() -> None:
    together = degrade(HR, KEYS, CONFIG, 0.5)[0].numpy()
    alone = [degrade(HR[i : i + 1], KEYS[i : i + 1], CONFIG, 0.5)[0].numpy() for i in range(len(HR))]
    np.testing.assert_array_equal(together, np.concatenate(alone))
