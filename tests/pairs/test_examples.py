import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.pairs import PairsConfig
from lfsr_tf.pairs.degrade import degrade
from lfsr_tf.pairs.examples import random_gain, random_symmetry
from lfsr_tf.physics.sampling import fourier_downsample, zero_fill_magnitude
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


@pytest.mark.parametrize(
    ("flips", "rotations", "count"), [(True, False, 4), (False, True, 4), (True, True, 8)]
)
def test_symmetries_are_those_of_the_square(flips: bool, rotations: bool, count: int) -> None:
    one = tf.tile(HR[:1], [64, 1, 1])
    changed = random_symmetry(one, KEYS, flips, rotations).numpy()
    assert len(np.unique(changed, axis=0)) == count
    # Sample 0 stays where it is, and no value is lost.
    np.testing.assert_array_equal(changed[:, 0, 0], one[:, 0, 0])
    np.testing.assert_array_equal(np.sort(changed.reshape(64, -1)), np.sort(one.numpy().reshape(64, -1)))


def test_rotations_alone_never_mirror() -> None:
    image = np.zeros((1, 32, 32), np.float32)
    image[0, 1, 0], image[0, 0, 2] = 1.0, 2.0  # a turn keeps the sense from 1 to 2
    turned = random_symmetry(tf.constant(np.tile(image, (64, 1, 1))), KEYS, False, True).numpy()
    for one in turned:
        first, second = (np.array([(c + 16) % 32 - 16 for c in np.argwhere(one == v)[0]]) for v in (1.0, 2.0))
        assert first[0] * second[1] - first[1] * second[0] == 2


def test_symmetries_commute_with_the_acquisition() -> None:
    config = PairsConfig(hr_size=32, lr_patch=8, acquisition=AcquisitionConfig(sigma_max=0.0))
    # Without the line at the rim of LR k-space, which has no partner on the other side.
    smooth = zero_fill_magnitude(tf.math.real(fourier_downsample(HR, (15, 15))), (32, 32))
    changed_first, _ = degrade(random_symmetry(smooth, KEYS, True, True), KEYS, config)
    changed_last = random_symmetry(degrade(smooth, KEYS, config)[0], KEYS, True, True)
    np.testing.assert_allclose(changed_first, changed_last, atol=1e-5)


def test_no_symmetry_asked_for_changes_nothing() -> None:
    assert random_symmetry(HR, KEYS, False, False) is HR


def test_one_gain_scales_lr_hr_and_sigma() -> None:
    batch = {"lr": HR[:, :16, :16], "hr": HR, "sigma": tf.fill([64], 0.05), "key": KEYS}
    scaled = random_gain(batch, 0.6, 1.4)
    gain = scaled["sigma"] / 0.05
    assert 0.6 <= gain.numpy().min() < 0.75 and 1.25 < gain.numpy().max() <= 1.4
    for name in ("lr", "hr"):
        np.testing.assert_allclose(scaled[name], batch[name] * gain[:, None, None], rtol=1e-6)
