import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.pairs import PairsConfig
from lfsr_tf.pairs.augmentation import noisy_truth, random_gain, random_symmetry, random_transfer
from lfsr_tf.pairs.degrade import degrade
from lfsr_tf.physics.fourier import image_to_kspace
from lfsr_tf.physics.sampling import fourier_downsample, zero_fill_magnitude
from lfsr_tf.physics.settings import AcquisitionConfig

KEYS = tf.range(64, dtype=tf.int64) * 10**15
HR = tf.constant(np.random.default_rng(0).random((64, 32, 32)), tf.float32)


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


def test_no_blur_asked_for_changes_nothing() -> None:
    assert random_transfer(HR, KEYS, 0.0, 0.0) is HR


def test_blur_damps_each_axis_of_half_of_the_images_by_a_gaussian_of_its_own() -> None:
    before, after = (image_to_kspace(images).numpy() for images in (HR, random_transfer(HR, KEYS, 2.0, 0.0)))
    kept = np.abs(after / before)
    exponents = -np.log(np.stack([kept[:, 8, 16], kept[:, 16, 8]]))  # half-way to the rim
    blurred = np.abs(exponents).max(axis=0) > 1e-3
    assert 24 <= blurred.sum() <= 40
    strengths = 4.0 * exponents[:, blurred]
    assert -1e-3 < strengths.min() < 0.05 and 1.6 < strengths.max() < 2.0
    assert 0.3 < np.median(strengths) < 0.8  # the square of a uniform number, times 2
    assert abs(np.corrcoef(strengths)[0, 1]) < 0.4
    np.testing.assert_allclose(kept[:, 8, 8], np.exp(-exponents.sum(axis=0)), rtol=1e-3)
    np.testing.assert_allclose(kept[:, 16, 16], 1.0, rtol=1e-5)


def test_echoes_weigh_lines_along_one_axis_alike_on_both_sides() -> None:
    before, after = (image_to_kspace(images).numpy() for images in (HR, random_transfer(HR, KEYS, 0.0, 0.5)))
    logs = np.log(np.abs(after / before))
    rows, columns = logs[:, :, 16], logs[:, 16, :]
    of_rows, of_columns = (np.abs(each).max(axis=1) > 1e-3 for each in (rows, columns))
    assert not (of_rows & of_columns).any()
    assert of_rows.any() and of_columns.any() and 24 <= (of_rows | of_columns).sum() <= 40
    np.testing.assert_allclose(rows[:, 1:16], rows[:, :16:-1], atol=1e-3)
    np.testing.assert_allclose(rows[:, 14], (rows[:, 16] + rows[:, 12]) / 2.0, atol=1e-3)  # 0, 1/8, 1/4
    assert 0.4 < np.abs(logs).max() <= 0.501 and logs.min() < -0.4 and logs.max() > 0.4


def test_the_transfer_of_an_image_does_not_depend_on_its_batch() -> None:
    alone, together = random_transfer(HR[5:12], KEYS[5:12], 2.0, 0.5), random_transfer(HR, KEYS, 2.0, 0.5)
    np.testing.assert_array_equal(alone, together[5:12])


def test_lr_of_a_blurred_slice_is_its_downsampled_self() -> None:
    config = PairsConfig(hr_size=32, lr_patch=8, acquisition=AcquisitionConfig(sigma_max=0.0))
    blurred = random_transfer(HR, KEYS, 2.0, 0.0)
    lr, _ = degrade(blurred, KEYS, config)
    np.testing.assert_allclose(lr, tf.abs(fourier_downsample(blurred, (16, 16))), atol=1e-5)


def test_noise_on_the_truth_is_rician_with_the_sigma_asked_for() -> None:
    bright, dark = (noisy_truth(tf.fill([64, 32, 32], value), KEYS, 0.02) for value in (1.0, 0.0))
    assert np.std(bright) == pytest.approx(0.02, rel=0.02)
    assert np.mean(dark) == pytest.approx(0.02 * np.sqrt(np.pi / 2), rel=0.02)
    assert noisy_truth(HR, KEYS, 0.0) is HR
    np.testing.assert_array_equal(noisy_truth(HR[3:9], KEYS[3:9], 0.02), noisy_truth(HR, KEYS, 0.02)[3:9])
