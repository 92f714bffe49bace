"""The outer-band test on simulated k-space, where the truth is known, and on the real scans."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from lfsr_tf.errors import ScanError
from lfsr_tf.evaluation.baselines import BASELINES, zero_filling
from lfsr_tf.evaluation.config import EvaluationConfig
from lfsr_tf.evaluation.kspace_split import OuterBand, outer_band
from lfsr_tf.evaluation.measured import with_measured_kspace
from lfsr_tf.evaluation.outer_band import COMPLEX_ZERO_FILL, outer_band_scores, recovered_fraction
from lfsr_tf.evaluation.report.views import outer_band_table
from lfsr_tf.evaluation.results import Results
from lfsr_tf.physics.settings import RawImage
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.scan import Scan

CONFIG = EvaluationConfig(bootstrap_samples=300)
SHAPES = [(64, 64), (64, 62), (63, 66)]


def centred_fft(images: np.ndarray) -> np.ndarray:
    axes = (-2, -1)
    shifted = np.fft.ifftshift(images, axes=axes)
    return np.fft.fftshift(np.fft.fft2(shifted, norm="ortho"), axes=axes)


@dataclass(frozen=True)
class Measured:
    """A simulated measurement and what it hides."""

    scan: Scan
    truth: np.ndarray
    noise_power: np.ndarray


def heads(shape: tuple[int, int], slices: int, rng: np.random.Generator) -> np.ndarray:
    """Textured ellipses, [S, H, W], with fine detail and air around them."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    inside = (y / 0.6) ** 2 + (x / 0.55) ** 2 < 1
    return np.stack([inside * (1.0 + 0.3 * rng.standard_normal(shape)) for _ in range(slices)]).clip(0.0)


def measure(
    shape: tuple[int, int] = (64, 64), sigma: float = 0.05, coils: int = 1, slices: int = 4
) -> Measured:
    """Complex k-space with smooth phase and coil shading, and noise that is far from white."""
    rng = np.random.default_rng(5)
    y, x = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    shading = [np.exp(1j * (2 * x + coil) * (1 + y)) * (1 + 0.5 * coil * x) for coil in range(coils)]
    truth = centred_fft(heads(shape, slices, rng)[:, None] * np.stack(shading))
    profile = np.interp(np.linspace(0, 1, shape[1]), [0, 0.4, 1], [0.2, 2.0, 0.5])
    power = np.broadcast_to(2 * (sigma * profile) ** 2, truth.shape)
    noise = (rng.standard_normal(truth.shape) + 1j * rng.standard_normal(truth.shape)) * np.sqrt(power / 2)
    kspace = (truth + noise).astype(np.complex64)
    magnitude = np.abs(np.fft.ifft2(kspace[:, 0])).astype(np.float32)
    scan = Scan(
        np.moveaxis(magnitude, 0, 2), np.eye(4), subject="anna", contrast="T1w", kspace=kspace, coils=coils
    )
    return Measured(scan, truth, power)


def crop(kspace: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    start = [full // 2 - part // 2 for full, part in zip(kspace.shape[-2:], shape, strict=True)]
    return kspace[..., start[0] : start[0] + shape[0], start[1] : start[1] + shape[1]]


def split(measured: Measured) -> OuterBand:
    return outer_band(measured.scan, scale=2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("coils", [1, 3])
def test_the_truth_comes_out_as_1(shape: tuple[int, int], coils: int) -> None:
    measured = measure(shape, coils=coils)
    band = split(measured)
    found = recovered_fraction(band, crop(measured.truth, band.shape), CONFIG)
    assert found.estimate == pytest.approx(1.0, abs=0.02)
    assert found.low <= 1.0 + 0.01 and found.high >= 1.0 - 0.01


@pytest.mark.parametrize("shape", SHAPES)
def test_adding_nothing_comes_out_as_0(shape: tuple[int, int]) -> None:
    band = split(measure(shape))
    assert recovered_fraction(band, np.zeros_like(band.kspace), CONFIG).estimate == 0.0


def test_half_of_the_truth_comes_out_as_three_quarters() -> None:
    measured = measure()
    found = recovered_fraction(split(measured), 0.5 * measured.truth, CONFIG)
    assert found.estimate == pytest.approx(0.75, abs=0.02)


def test_invented_detail_comes_out_negative() -> None:
    measured = measure()
    rng = np.random.default_rng(0)
    invented = measured.truth[:, :, rng.permutation(64)][..., rng.permutation(64)]
    assert recovered_fraction(split(measured), invented, CONFIG).high < 0.0


@pytest.mark.parametrize("shape", SHAPES)
def test_the_power_of_coloured_noise_is_found_from_the_background(shape: tuple[int, int]) -> None:
    measured = measure(shape, slices=8)
    band = split(measured)
    expected = crop(measured.noise_power, band.shape)
    assert band.noise.sum() == pytest.approx(expected.sum(), rel=0.05)
    columns = band.noise.sum(axis=(0, 1, 2)) / expected.sum(axis=(0, 1, 2))
    # Column by column, too: the profile varies by a hundred in power.
    assert np.median(np.abs(columns - 1.0)) < 0.15


def test_the_block_keeps_the_brightness_of_the_image() -> None:
    measured = measure(sigma=0.001)
    low = split(measured).low_field("magnitude")
    assert low.images.shape == (4, 32, 32)
    assert low.images[:, 14:18, 14:18].mean() == pytest.approx(1.0, abs=0.1)
    assert low.sigma == pytest.approx(0.001 * 0.5 * 1.4, rel=0.3)


@pytest.mark.parametrize("image", ["in_phase", "magnitude"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_prediction_lies_where_the_block_lies(shape: tuple[int, int], image: RawImage) -> None:
    """For a smooth, positive, noise-free object the predicted centre of k-space is the measured one."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    smooth = np.exp(-((y - 0.1) ** 2 + (x + 0.05) ** 2) / 0.05)[None, None]
    kspace = centred_fft(smooth).astype(np.complex64)
    rng = np.random.default_rng(0)
    kspace += (1e-5 * (rng.standard_normal(kspace.shape) + 1j * rng.standard_normal(kspace.shape))).astype(
        "c8"
    )
    scan = Scan(np.moveaxis(smooth[:, 0].astype(np.float32), 0, 2), np.eye(4), kspace=kspace)
    band = outer_band(scan, scale=2)
    low = band.low_field(image)
    enhanced = zero_filling(low)
    predicted = crop(band.predict(enhanced, image), band.block.shape[2:])
    np.testing.assert_allclose(predicted, band.block, atol=0.01 * np.abs(band.block).max())


def test_a_longer_side_is_cut_so_that_pixels_are_square_and_near_squares_stay() -> None:
    assert split(measure((64, 98))).shape == (64, 64)
    assert split(measure((64, 62))).shape == (64, 62)


def test_columns_that_were_never_measured_do_not_count() -> None:
    measured = measure()
    measured.scan.kspace[..., 0] = 0.0
    band = split(measured)
    assert not band.outside[:, 0].any()
    assert band.outside[:, 1].all()
    assert recovered_fraction(band, measured.truth, CONFIG).estimate == pytest.approx(1.0, abs=0.025)


@pytest.mark.parametrize("rim", [16, 17])
def test_k_space_that_is_zero_filled_beyond_the_block_is_refused_and_listed(
    rim: int, nearest_network: keras.Model
) -> None:
    scan = measure(slices=1).scan
    kept = np.zeros((64, 64), bool)
    kept[rim:-rim, rim:-rim] = True
    scan.kspace[..., ~kept] = 0.0
    with pytest.raises(
        ScanError, match=r"^Expected samples outside the central 32 x 32\. Received: None, zero"
    ):
        outer_band(scan, 2)
    config = EvaluationConfig(baselines=("zero-fill",), bootstrap_samples=100)
    results = with_measured_kspace(Results(config, {}, 2, ()), nearest_network, [scan])
    assert results.outer_band == ()
    assert "zero-filled beyond it. Cut the empty rim" in results.failures[0][1]


def test_where_noise_drowns_the_band_no_figure_is_given() -> None:
    scores = outer_band_scores(measure(sigma=0.3).scan, {}, 2, CONFIG)
    assert scores[0].signal_fraction < 0.2
    assert not scores[0].measurable
    assert (scores[0].recovered, scores[0].low, scores[0].high) == (None, None, None)


def test_every_method_is_judged_and_the_reference_is_0() -> None:
    scores = outer_band_scores(measure().scan, {"zero-fill": zero_filling}, 2, CONFIG)
    assert [score.method for score in scores] == 2 * [COMPLEX_ZERO_FILL, "zero-fill"]
    assert [score.image for score in scores] == 2 * ["magnitude"] + 2 * ["in_phase"]
    assert [scores[place].recovered for place in (0, 2)] == [0.0, 0.0]
    assert -0.2 < scores[1].recovered < -0.05
    assert abs(scores[3].recovered) < 0.02
    assert all(score.low < score.recovered < score.high for score in (scores[1], scores[3]))


def test_a_methods_figures_do_not_depend_on_the_methods_beside_it() -> None:
    measured, names = measure(coils=2), ("zero-fill", "cubic", "nlm")
    band = split(measured)
    methods = {name: BASELINES[name] for name in names}
    alone = {
        (image, name): recovered_fraction(band, band.predict(method(band.low_field(image)), image), CONFIG)
        for image in ("magnitude", "in_phase")
        for name, method in methods.items()
    }
    scores = outer_band_scores(measured.scan, methods, 2, CONFIG)
    for score in scores:
        figures = (score.recovered, score.low, score.high)
        if score.method == COMPLEX_ZERO_FILL:
            assert figures == (0.0, 0.0, 0.0)
        else:
            found = alone[score.image, score.method]
            assert figures == pytest.approx((found.estimate, found.low, found.high), rel=1e-9)


def test_files_of_one_name_are_told_apart(nearest_network: keras.Model, tmp_path: Path) -> None:
    scan, config = measure(slices=1).scan, EvaluationConfig(baselines=("zero-fill",), bootstrap_samples=100)
    scans = [dataclasses.replace(scan, source=tmp_path / person / "kspace.h5") for person in "ab"]
    results = with_measured_kspace(Results(config, {}, 2, ()), nearest_network, scans)
    assert {score.scan for score in results.outer_band} == {"a/kspace.h5", "b/kspace.h5"}
    assert len(outer_band_table(results.outer_band, results.config).rows) == 4


@pytest.mark.parametrize("coils", [1, 3])
def test_a_smooth_phase_fits_the_true_object_better_than_the_block_s_own(coils: int) -> None:
    """Where noise or the blur of an edge turn the block's own phase, what is there must come out less."""
    measured = measure(sigma=0.02, coils=coils)
    band = split(measured)
    images = np.fft.fftshift(
        np.fft.ifft2(np.fft.ifftshift(measured.truth, axes=(2, 3)), norm="ortho"), axes=(2, 3)
    )
    truth = np.sqrt(np.square(np.abs(images)).sum(axis=1)).astype(np.float32)
    found = {
        image: recovered_fraction(band, band.predict(truth, image), CONFIG).estimate
        for image in ("in_phase", "magnitude")
    }
    assert found["in_phase"] > 0.997
    assert 1.0 - found["in_phase"] < 0.3 * (1.0 - found["magnitude"])


def test_no_rician_bias_is_taken_from_a_part_in_phase() -> None:
    band = split(measure())
    found = {}
    for image in ("in_phase", "magnitude"):
        low = band.low_field(image)
        found[image] = [BASELINES[name](low) for name in ("nlm", "nlm-biased")]
    np.testing.assert_array_equal(*found["in_phase"])
    assert np.mean(found["magnitude"][0]) < np.mean(found["magnitude"][1])


def test_the_bias_of_as_many_coils_as_there_are_is_removed() -> None:
    band = split(measure(coils=3))
    low = band.low_field("magnitude")
    assert low.coils == pytest.approx(3, rel=0.05)
    found = BASELINES["nlm"](low)
    # Air: what is left of the floor of three coils, against what the removal of one coil's would leave.
    alone = BASELINES["nlm"](dataclasses.replace(low, coils=1))
    assert found[:, :8].mean() < 0.8 * alone[:, :8].mean()


def test_a_scan_without_k_space_is_refused() -> None:
    with pytest.raises(ScanError, match="raw k-space"):
        outer_band(Scan(np.ones((64, 64, 2), np.float32), np.eye(4)), 2)


def test_a_head_that_fills_the_image_is_refused() -> None:
    kspace = centred_fft(np.ones((1, 1, 64, 64))).astype(np.complex64)
    with pytest.raises(ScanError, match="background"):
        outer_band(Scan(np.ones((64, 64, 1), np.float32), np.eye(4), kspace=kspace), 2)


@pytest.mark.parametrize(("contrast", "known"), [("T1", -0.15), ("FLAIR", -0.28), ("T2", -0.22)])
def test_a_zero_filled_magnitude_has_its_known_figure_on_measured_scans(
    shared_data: Path, contrast: str, known: float
) -> None:
    found = [
        outer_band_scores(
            read_scan(shared_data / "lowfield_dev" / f"{patient}_LF055T_{contrast}_kspace_fastmri_layout.h5"),
            {"zero-fill": zero_filling},
            2,
            CONFIG,
        )[1]
        for patient in ("hkuF6A", "hkuF7A")
    ]
    assert np.mean([score.recovered for score in found]) == pytest.approx(known, abs=0.04)
    least, most = (0.55, 0.85) if contrast == "T1" else (0.2, 0.6)
    assert all(least < score.signal_fraction < most for score in found)
