"""Laws of the noise estimates: known noise is found, and where there is none to be found they say so."""

import math

import h5py
import nibabel as nib
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics import (
    AcquisitionConfig,
    background_noise,
    brain_phantom,
    estimate_sigma_complex,
    estimate_sigma_kspace,
    estimate_sigma_magnitude,
    fft2c,
    ifft2c,
    in_phase_image,
    remove_rician_bias,
    simulate_acquisition,
    zero_fill_magnitude,
)
from lfsr_tf.physics.background import median
from lfsr_tf.physics.noise import high_pass_sigma

SIGMAS = [0.015, 0.03, 0.05, 0.08]


@pytest.fixture(scope="module")
def phantom():
    """Slices [8, 128, 128] in units of the 99.9th percentile."""
    slices = np.moveaxis(brain_phantom(3, "T2w", shape=(128, 128, 8))[0], 2, 0)
    return slices / np.float32(np.percentile(slices, 99.9))


def seeds(count):
    return tf.stack([tf.range(count), tf.range(count)], axis=1)


def acquired(slices, sigma, shape=(128, 128), config=AcquisitionConfig()):  # noqa: B008
    count = len(slices)
    return simulate_acquisition(slices, tf.fill([count], sigma), seeds(count), shape, config)


def coil_images(slices, sigma, coils):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(coils, 1, 1, 1)) + 1j * rng.normal(size=(coils, 1, 1, 1))
    weights /= np.linalg.norm(weights)
    noise = rng.normal(size=(2, coils, *slices.shape))
    return weights * slices + sigma * (noise[0] + 1j * noise[1])


@pytest.mark.parametrize("sigma", SIGMAS)
def test_rician_noise_on_a_head_is_found_within_5_percent(phantom, sigma):
    estimate = estimate_sigma_magnitude(acquired(phantom, sigma))
    assert estimate.method == "background"
    assert estimate.sigma == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_correlated_noise_of_a_zero_filled_image_is_found_within_5_percent(phantom, sigma):
    low = acquired(phantom, sigma, (64, 64))
    assert estimate_sigma_magnitude(zero_fill_magnitude(low, (128, 128))).sigma == pytest.approx(
        sigma, rel=0.05
    )


@pytest.mark.parametrize("coils", [4, 8])
@pytest.mark.parametrize("sigma", [0.015, 0.04, 0.08])
def test_noise_of_a_root_sum_of_squares_is_found_within_5_percent(phantom, sigma, coils):
    combined = np.sqrt((np.abs(coil_images(phantom, sigma, coils)) ** 2).sum(axis=0))
    estimate = estimate_sigma_magnitude(combined, coils=coils)
    assert estimate.coils == coils
    assert estimate.sigma == pytest.approx(sigma, rel=0.05)


def test_a_root_sum_of_squares_does_not_pass_for_one_coil(phantom):
    combined = np.sqrt((np.abs(coil_images(phantom, 0.05, 8)) ** 2).sum(axis=0))
    assert estimate_sigma_magnitude(combined).sigma is None


@pytest.mark.parametrize("sigma", [0.015, 0.08])
def test_complex_noise_is_found_within_5_percent_and_kspace_agrees(phantom, sigma):
    images = coil_images(phantom[:4], sigma, 2)
    estimate = estimate_sigma_complex(images)
    assert estimate.sigma == pytest.approx(sigma, rel=0.05)
    assert estimate_sigma_kspace(fft2c(images)).sigma == pytest.approx(estimate.sigma, rel=1e-4)


@pytest.mark.parametrize("levels", [(1, 1, 1, 2), (1, 2, 3, 4), (3, 1, 1, 1)])
def test_noise_of_unequal_coils_is_that_of_their_combination(phantom, levels):
    """Monte Carlo: what many draws of the noise leave in the tissue of the part in phase."""
    sigmas = 0.02 * np.array(levels)[:, None, None]
    rng = np.random.default_rng(0)

    def measured(slices):
        noise = rng.normal(size=(2, len(slices), len(levels), *slices.shape[1:]))
        shares = np.exp([0.0, 1.0j, 2.0j, 3.0j])[:, None, None] / 2.0
        return (shares * slices[:, None] + sigmas * (noise[0] + 1j * noise[1])).astype(np.complex64)

    draws = np.stack([in_phase_image(measured(phantom[3:4]))[0] for _ in range(60)])
    combined = draws.std(axis=0)[phantom[3] > 0.4].mean()
    images = measured(phantom)
    assert estimate_sigma_complex(images, coil_axis=1).sigma == pytest.approx(combined, rel=0.05)
    kspace = estimate_sigma_kspace(fft2c(images), coil_axis=1)
    assert kspace.sigma == pytest.approx(combined, rel=0.05)
    assert kspace.method == "background"
    # Without a word on coils a level that many blocks share is found.
    assert estimate_sigma_complex(images).sigma != pytest.approx(combined, rel=0.1)


def test_a_silent_coil_leaves_the_figure_of_all(phantom):
    images = coil_images(phantom[:4], 0.03, 2)
    images[1] = 0.0
    assert estimate_sigma_complex(images, coil_axis=0).sigma == estimate_sigma_complex(images).sigma


def test_small_complex_data_without_background_is_measured_by_its_high_pass():
    rng = np.random.default_rng(0)
    smooth = 5.0 + np.cos(np.linspace(0, 1, 16))[:, None] * np.sin(np.linspace(0, 1, 12))
    image = smooth + 0.07 * (rng.normal(size=(30, 16, 12)) + 1j * rng.normal(size=(30, 16, 12)))
    estimate = estimate_sigma_complex(image)
    assert estimate.method == "high-pass"
    assert estimate.sigma == pytest.approx(0.07, rel=0.05)


def test_the_high_pass_is_exact_for_white_noise():
    noise = np.random.default_rng(0).normal(size=(2, 3, 200, 200))
    assert float(high_pass_sigma(tf.constant(noise[0] + 1j * noise[1]))) == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("factor", [1e-4, 30000.0])
def test_sigma_scales_with_the_image(phantom, factor):
    image = acquired(phantom, 0.04)
    expected = factor * estimate_sigma_magnitude(image).sigma
    assert estimate_sigma_magnitude(image * factor).sigma == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("where", ["left", "right", "top"])
def test_the_background_may_lie_anywhere(phantom, where):
    image = acquired(phantom, 0.04).numpy()
    # The head fills the frame; noise remains on one side only.
    axis, part = (
        (1, slice(0, 30)) if where == "top" else (2, slice(0, 30) if where == "left" else slice(-30, None))
    )
    keep = [slice(None)] * 3
    keep[axis] = part
    filled = 0.5 + image
    filled[tuple(keep)] = image[tuple(keep)]
    assert estimate_sigma_magnitude(filled).sigma == pytest.approx(0.04, rel=0.1)


def test_a_masked_background_is_unknown(phantom):
    image = np.where(phantom > 0.05, acquired(phantom, 0.04), 0.0)
    estimate = estimate_sigma_magnitude(image)
    assert estimate.sigma is None
    assert estimate.method == "unknown"
    assert "masked" in estimate.reason


def test_a_partly_masked_background_is_measured_where_it_is_not(phantom):
    image = acquired(phantom, 0.04).numpy()
    image[:, :, 100:] = 0.0
    assert estimate_sigma_magnitude(image).sigma == pytest.approx(0.04, rel=0.05)


@pytest.mark.parametrize("outlier", [1e5, 1e6, math.inf, math.nan])
def test_a_single_outlier_changes_neither_the_figure_nor_the_method(phantom, outlier):
    magnitude = acquired(phantom, 0.05).numpy()
    images = coil_images(phantom, 0.05, 2)[0]
    for image, estimate in ((magnitude, estimate_sigma_magnitude), (images, estimate_sigma_complex)):
        image[3, 60, 50] = outlier
        assert estimate(image).method == "background"
        assert estimate(image).sigma == pytest.approx(0.05, rel=0.05)
    if math.isfinite(outlier):
        np.testing.assert_allclose(background_noise(magnitude, per_image=True).sigma, 0.05, rtol=0.1)


def test_outliers_do_not_hide_that_an_image_is_masked(phantom):
    image = np.where(phantom > 0.05, acquired(phantom, 0.04), 1e-9)
    image[0, 64, 64] = 1e5
    estimate = estimate_sigma_magnitude(image)
    assert estimate.sigma is None
    assert "zero, or as small as rounding" in estimate.reason


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_images_without_a_finite_value_are_unknown(value):
    assert estimate_sigma_magnitude(np.full((2, 64, 64), value)).sigma is None
    assert estimate_sigma_complex(np.full((2, 64, 64), value + 0j)).sigma is None


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_image_is_unknown(value):
    assert estimate_sigma_magnitude(np.full((2, 64, 64), value)).sigma is None
    assert estimate_sigma_complex(np.full((2, 64, 64), value + 0j)).sigma is None


def test_a_noise_free_head_is_unknown(phantom):
    assert estimate_sigma_magnitude(phantom).sigma is None


def test_an_image_smaller_than_a_block_is_unknown():
    estimate = estimate_sigma_magnitude(np.random.default_rng(0).rayleigh(size=(100, 7)))
    assert estimate.sigma is None
    assert "smaller" in estimate.reason


def test_integer_images_are_accepted(phantom):
    image = np.round(1000 * acquired(phantom, 0.04).numpy()).astype(np.int16)
    assert estimate_sigma_magnitude(image).sigma == pytest.approx(40.0, rel=0.05)


def test_each_image_of_a_batch_is_measured_by_itself_inside_a_graph(phantom):
    sigma = tf.linspace(0.03, 0.08, len(phantom))
    images = simulate_acquisition(phantom, sigma, seeds(len(phantom)), (128, 128), AcquisitionConfig())
    images = tf.concat([images, tf.zeros([1, 128, 128])], axis=0)
    spec = tf.TensorSpec([None, None, None], tf.float32)
    graph = tf.function(lambda x: background_noise(x, per_image=True), input_signature=[spec])
    measured = graph(images).sigma.numpy()
    np.testing.assert_allclose(measured[:-1], sigma, rtol=0.06)
    assert math.isnan(measured[-1])
    np.testing.assert_allclose(background_noise(images, per_image=True).sigma[:-1], measured[:-1], rtol=1e-5)


def test_a_median_is_the_same_eagerly_and_inside_a_graph():
    values = tf.random.stateless_normal([4, 101], [0, 0])
    chosen = tf.random.stateless_uniform([4, 101], [1, 0]) < [[0.5], [0.9], [2.0], [0.0]]
    expected = [np.median(row[these]) for row, these in zip(values[:3].numpy(), chosen.numpy(), strict=False)]
    for function in (median, tf.function(median)):
        np.testing.assert_array_equal(function(values, chosen), [*expected, np.inf])
        assert function(values[:0], chosen[:0]).shape == (0,)


def test_wrong_input_is_refused():
    with pytest.raises(ConfigError, match="Expected a complex image"):
        estimate_sigma_complex(np.ones((16, 16)))
    with pytest.raises(ConfigError, match="Expected an image"):
        estimate_sigma_magnitude(np.ones(16))
    with pytest.raises(ConfigError, match="Expected coils >= 1"):
        estimate_sigma_magnitude(np.ones((16, 16)), coils=0)


def test_bias_removal_makes_the_mean_square_of_rician_data_unbiased():
    rng = np.random.default_rng(0)
    for coils in (1, 4):
        channels = 0.1 * rng.normal(size=(2 * coils, 200_000))
        channels[0] += 0.8
        magnitude = np.sqrt((channels**2).sum(axis=0))
        corrected = remove_rician_bias(magnitude, 0.1, coils=coils).numpy()
        assert np.mean(corrected**2) == pytest.approx(0.64, rel=0.01)


def test_bias_removal_without_noise_is_the_identity_and_never_gives_nan():
    magnitude = np.linspace(0, 1, 11).astype(np.float32)
    np.testing.assert_allclose(remove_rician_bias(magnitude, 0.0), magnitude, atol=1e-7)
    np.testing.assert_array_equal(remove_rician_bias(magnitude, 1.0), np.zeros(11))


@pytest.mark.parametrize("contrast", ["T1", "T2", "FLAIR"])
@pytest.mark.parametrize("patient", ["hkuF6A", "hkuF7A"])
def test_noise_of_real_055_t_scans_is_known_and_image_and_kspace_agree(shared_data, patient, contrast):
    folder = shared_data / "lowfield_dev"
    image = np.asarray(nib.load(folder / f"{patient}_LF055T_{contrast}.nii.gz").dataobj, np.float32)
    with h5py.File(folder / f"{patient}_LF055T_{contrast}_kspace_fastmri_layout.h5") as file:
        kspace = file["kspace"][()]
    relative = [
        estimate_sigma_magnitude(np.moveaxis(image, 2, 0)).sigma / np.percentile(image, 99.9),
        estimate_sigma_kspace(kspace).sigma / np.percentile(np.abs(ifft2c(kspace)), 99.9),
    ]
    assert 0.018 <= relative[0] <= 0.052
    assert relative[1] == pytest.approx(relative[0], rel=0.05)


def test_noise_of_real_coils_and_of_their_root_sum_of_squares_agree(shared_data):
    with h5py.File(shared_data / "readers" / "brain8ch_fastmri_layout.h5") as file:
        kspace = file["kspace"][()]
    combined = np.sqrt((np.abs(ifft2c(kspace)) ** 2).sum(axis=1))
    channel = estimate_sigma_kspace(kspace).sigma
    assert estimate_sigma_magnitude(combined, coils=8).sigma == pytest.approx(channel, rel=0.05)


@pytest.mark.parametrize("name", ["msX26_T1_MNI_brain", "msX26_T2_MNI_brain", "msX26_FLAIR_MNI_brain"])
def test_noise_of_real_skull_stripped_scans_is_unknown(shared_data, name):
    image = np.asarray(nib.load(shared_data / "val" / f"{name}.nii.gz").dataobj, np.float32)
    estimate = estimate_sigma_magnitude(np.moveaxis(image, 2, 0))
    assert estimate.sigma is None
    assert "masked" in estimate.reason


@pytest.mark.parametrize("name", ["hkuF7A_HF3T_T1", "hkuF7A_HF3T_T2"])
def test_noise_of_real_high_field_scans_is_small(shared_data, name):
    image = np.asarray(nib.load(shared_data / "lowfield_dev" / f"{name}.nii.gz").dataobj, np.float32)
    assert estimate_sigma_magnitude(np.moveaxis(image, 2, 0)).sigma < 0.01 * np.percentile(image, 99.9)
