from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import pytest

from lfsr_tf.errors import ConfigError, ModelError, ScanError
from lfsr_tf.inference import EnhanceConfig, Enhancer, enhance_scan
from lfsr_tf.inference.consistency import consistency_by_ring
from lfsr_tf.inference.enhance import volume_reference
from lfsr_tf.inference.matrix import cut_to_matrix
from lfsr_tf.inference.sidecar import ModelReport
from lfsr_tf.networks import TrainedModel
from lfsr_tf.networks.trained import OWN_NETWORK
from lfsr_tf.scans import Scan, voxel_to_world

ScanOf = Callable[..., Scan]
Images = Callable[..., np.ndarray]


@pytest.fixture
def magnitudes(complex_images: Images) -> np.ndarray:
    return np.abs(complex_images((48, 40), count=3))


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(48, 40), (33, 20)])
def test_every_voxel_keeps_its_place_and_value(
    slice_axis: int,
    shape: tuple[int, int],
    interpolator: TrainedModel,
    complex_images: Images,
    scan_of: ScanOf,
) -> None:
    scan = scan_of(np.abs(complex_images(shape)), slice_axis)
    enhanced = enhance_scan(scan, interpolator).scan
    indices = np.argwhere(np.ones(scan.voxels.shape))
    world = voxel_to_world(scan.affine, indices)
    found = voxel_to_world(np.linalg.inv(enhanced.affine), world)
    # An untrained ResidualSR passes the samples that it is given on, so each must be found where it was.
    np.testing.assert_allclose(found, np.rint(found), atol=1e-6)
    values = enhanced.voxels[tuple(np.rint(found).astype(int).T)]
    np.testing.assert_allclose(values, scan.voxels[tuple(indices.T)], rtol=1e-5)


def test_the_result_is_in_the_unit_of_the_input(
    magnitudes: np.ndarray, random_network: Callable[..., TrainedModel], scan_of: ScanOf
) -> None:
    enhancer = Enhancer(random_network("ResidualSR", blocks=1, filters=4))
    once, thousandfold = (enhancer(scan_of(factor * magnitudes)).scan for factor in (1, 1000))
    np.testing.assert_allclose(thousandfold.voxels, 1000 * once.voxels, rtol=1e-3, atol=0.1)


def test_slices_are_normalised_by_the_volume_not_by_themselves(
    magnitudes: np.ndarray, random_network: Callable[..., TrainedModel], scan_of: ScanOf
) -> None:
    trained = random_network("ResidualSR", blocks=1, filters=4)
    magnitudes[0] *= 0.25
    enhanced = enhance_scan(scan_of(magnitudes), trained)
    reference = np.percentile(magnitudes, 99.9)
    expected = (
        trained.model(magnitudes[..., np.newaxis].astype(np.float32) / reference).numpy()[..., 0] * reference
    )
    assert enhanced.sidecar.reference_intensity == pytest.approx(reference, rel=1e-5)
    np.testing.assert_allclose(enhanced.scan.slices(), expected, rtol=1e-3, atol=1e-4)


def test_tiles_are_normalised_by_the_volume_too(
    magnitudes: np.ndarray, random_network: Callable[..., TrainedModel], scan_of: ScanOf
) -> None:
    trained = random_network("ResidualSR", blocks=1, filters=4)
    scan = scan_of(np.pad(magnitudes, ((0, 0), (0, 40), (0, 40))))
    whole, tiled = (enhance_scan(scan, trained, EnhanceConfig(pixel_budget=b)) for b in (65_536, 2_500))
    assert (whole.sidecar.tiles, tiled.sidecar.tiles > 1) == (1, True)
    np.testing.assert_allclose(
        tiled.scan.voxels, whole.scan.voxels, atol=2e-5 * np.abs(whole.scan.voxels).max()
    )


def test_an_interpolated_scan_is_cut_first(
    complex_images: Images, zero_fill: Images, interpolator: TrainedModel, scan_of: ScanOf
) -> None:
    acquired = complex_images((40, 32), count=4)
    scan = scan_of(np.abs(zero_fill(acquired, (96, 96))), acquired_matrix=(40, 32))
    enhanced = enhance_scan(scan, interpolator, EnhanceConfig(views="one"))
    np.testing.assert_allclose(enhanced.scan.slices()[:, ::2, ::2], np.abs(acquired), atol=2e-5)
    np.testing.assert_allclose(enhanced.scan.affine[:3, 3], scan.affine[:3, 3])
    matrix = enhanced.sidecar.matrix
    assert (matrix.stored, matrix.used, matrix.source, matrix.exact) == ((96, 96), (40, 32), "header", True)
    assert enhanced.sidecar.spacing.network_input == pytest.approx(
        [size * 96 / new for size, new in zip(scan.in_plane_spacing, (40, 32), strict=True)]
    )


def test_an_interpolated_scan_that_is_not_cut_is_warned_of(
    complex_images: Images, zero_fill: Images, interpolator: TrainedModel, scan_of: ScanOf
) -> None:
    scan = scan_of(np.abs(zero_fill(complex_images((40, 32), count=4), (96, 96))))
    sidecar = enhance_scan(scan, interpolator).sidecar
    assert any("--acquired-matrix 40x32" in warning for warning in sidecar.warnings)
    cut = enhance_scan(scan, interpolator, EnhanceConfig(acquired_matrix="spectrum")).sidecar
    assert (cut.matrix.used, cut.matrix.source) == ((40, 32), "spectrum")
    assert not any("--acquired-matrix" in warning for warning in cut.warnings)


def test_zero_filled_k_space_is_cut_without_a_doubt_and_not_cutting_it_is_warned_of(
    complex_images: Images, zero_fill: Images, interpolator: TrainedModel, scan_of: ScanOf
) -> None:
    images = zero_fill(complex_images((60, 48), count=3), (96, 96))
    kspace = np.fft.fftshift(np.fft.fft2(images, norm="ortho"), axes=(1, 2))[:, None].astype(np.complex64)
    scan = scan_of(np.abs(images), kspace=kspace, acquired_matrix=(60, 48))
    sidecar = enhance_scan(scan, interpolator).sidecar
    assert sidecar.matrix.used == (60, 48)
    assert [(axis.occupied, axis.rule) for axis in sidecar.spectrum] == [(60, "k-space"), (48, "k-space")]
    assert not any("--acquired-matrix" in warning for warning in sidecar.warnings)
    full = enhance_scan(scan, interpolator, EnhanceConfig(acquired_matrix="full")).sidecar
    assert any("Give --acquired-matrix 60x48" in warning for warning in full.warnings)


def test_noise_and_spacing_are_compared_with_the_training_s(
    complex_images: Images, interpolator: TrainedModel, scan_of: ScanOf
) -> None:
    scan = scan_of(np.abs(complex_images((64, 64), count=4)))
    known = replace(interpolator.info, sigma_range=(0.0, 0.08), spacing_range_mm=(0.5, 2.0))
    strange = replace(interpolator.info, sigma_range=(0.2, 0.3), spacing_range_mm=(3.0, 4.0))
    unknown = replace(interpolator.info, sigma_range=None, spacing_range_mm=None)
    found = {
        name: enhance_scan(scan, TrainedModel(interpolator.model, info)).sidecar
        for name, info in {"known": known, "strange": strange, "unknown": unknown}.items()
    }
    assert {name: car.noise.in_training_range for name, car in found.items()} == {
        "known": True,
        "strange": False,
        "unknown": None,
    }
    assert {name: car.spacing.in_training_range for name, car in found.items()} == {
        "known": True,
        "strange": False,
        "unknown": None,
    }
    assert found["known"].noise.sigma == pytest.approx(0.03, rel=0.1)
    assert found["known"].warnings == ()
    assert ["training range" in warning for warning in found["strange"].warnings] == [True, True]


def test_unknown_noise_is_said_to_be_unknown(
    magnitudes: np.ndarray, interpolator: TrainedModel, scan_of: ScanOf
) -> None:
    masked = np.where(magnitudes > 0.3, magnitudes, 0)
    sidecar = enhance_scan(scan_of(masked), interpolator).sidecar
    assert sidecar.noise.sigma is None
    assert sidecar.noise.in_training_range is None
    assert all(ring.chi_square is None for ring in sidecar.consistency)
    assert "unknown" in sidecar.warnings[0]


def test_what_the_reader_had_to_assume_stands_among_the_warnings(
    magnitudes: np.ndarray, interpolator: TrainedModel, scan_of: ScanOf
) -> None:
    sidecar = enhance_scan(scan_of(magnitudes, notes=("1 mm is assumed.",)), interpolator).sidecar
    assert sidecar.warnings[0] == "1 mm is assumed."


def test_another_precision_gives_nearly_the_same(
    magnitudes: np.ndarray, random_network: Callable[..., TrainedModel], scan_of: ScanOf
) -> None:
    trained = random_network("ResidualSR", blocks=1, filters=4)
    exact, coarse = (
        enhance_scan(scan_of(magnitudes), trained, EnhanceConfig(dtype=dtype))
        for dtype in ("auto", "mixed_bfloat16")
    )
    difference = np.abs(exact.scan.voxels - coarse.scan.voxels).max()
    assert 0 < difference < 0.05 * np.abs(exact.scan.voxels).max()
    assert (exact.sidecar.model.dtype, coarse.sidecar.model.dtype) == ("float32", "mixed_bfloat16")
    assert keras.config.dtype_policy().name == "float32"


def test_a_precision_that_does_not_exist_is_refused(interpolator: TrainedModel) -> None:
    with pytest.raises(ConfigError, match="float99"):
        Enhancer(interpolator, EnhanceConfig(dtype="float99"))


def test_a_network_for_other_images_is_refused(single_layer: Callable[..., TrainedModel]) -> None:
    with pytest.raises(ModelError, match=r"\(None, None, None, 1\)"):
        Enhancer(single_layer(keras.layers.UpSampling2D(2), channels=3))


def test_a_network_that_gives_nan_writes_nothing(
    magnitudes: np.ndarray,
    interpolator: TrainedModel,
    random_network: Callable[..., TrainedModel],
    scan_of: ScanOf,
) -> None:
    broken = random_network("ResidualSR", blocks=1, filters=4)
    broken.model.set_weights([np.full(weight.shape, np.nan) for weight in broken.model.get_weights()])
    with pytest.raises(ScanError, match="NaN"):
        enhance_scan(scan_of(magnitudes), broken)


def test_an_empty_volume_has_a_reference_of_1() -> None:
    assert volume_reference(np.zeros((2, 16, 16), np.float32)) == 1.0


@pytest.mark.parametrize("budget", [0, -1])
def test_a_pixel_budget_below_1_is_refused(budget: int) -> None:
    with pytest.raises(ConfigError, match="pixel_budget"):
        EnhanceConfig(pixel_budget=budget)


@pytest.mark.parametrize(
    "setting", [{"plane": "axail"}, {"image": "phase"}, {"pixel_budget": 1e5}, {"noise_level": "a"}]
)
def test_a_setting_of_another_kind_is_refused_before_any_scan_is_read(setting: dict[str, object]) -> None:
    (name,) = setting
    with pytest.raises(ConfigError, match=f"Expected {name}"):
        EnhanceConfig(**setting)  # type: ignore[arg-type]


@pytest.mark.parametrize(("part", "signed"), [(np.abs, False), (np.imag, True)])
def test_the_values_of_the_file_say_whether_it_is_a_magnitude_not_those_of_the_cut(
    part: Images, signed: bool, complex_images: Images, interpolator: TrainedModel, scan_of: ScanOf
) -> None:
    slices = part(complex_images((60, 60), count=3)).copy()
    slices[:, 10:20] = 0.0
    scan, matrix = scan_of(slices), (44, 60)
    cut = cut_to_matrix(scan, matrix).slices()
    assert scan.signed == signed and cut.min() < 0.0
    enhanced = enhance_scan(scan, interpolator, EnhanceConfig(acquired_matrix=matrix))
    sigma = enhanced.sidecar.noise.sigma
    expected = consistency_by_ring(cut, enhanced.scan.slices(), sigma, signed=signed)
    assert expected != consistency_by_ring(cut, enhanced.scan.slices(), sigma, signed=not signed)
    assert enhanced.sidecar.consistency == expected


@pytest.mark.parametrize("matrix", ["full", (30, 30)])
def test_a_voxel_a_little_below_0_changes_nothing_that_is_said_of_the_scan(
    matrix: object, complex_images: Images, zero_fill: Images, interpolator: TrainedModel, scan_of: ScanOf
) -> None:
    slices = np.abs(zero_fill(complex_images((30, 30), count=12), (60, 60)))
    slices[0, 0, 0] = 0.0
    touched = slices.copy()
    touched[0, 0, 0] = -1e-7
    config = EnhanceConfig(acquired_matrix=matrix)  # type: ignore[arg-type]
    before, after = (enhance_scan(scan_of(s), interpolator, config) for s in (slices, touched))
    np.testing.assert_allclose(after.scan.voxels, before.scan.voxels, atol=1e-5)
    assert after.sidecar.noise.sigma == pytest.approx(before.sidecar.noise.sigma, rel=1e-3)
    assert after.sidecar.matrix == before.sidecar.matrix
    for ring, same in zip(before.sidecar.consistency, after.sidecar.consistency, strict=True):
        assert same.chi_square == pytest.approx(ring.chi_square, rel=1e-3)


@pytest.mark.parametrize(
    ("given", "taken"),
    [("128x126", (128, 126)), ([128, 126], (128, 126)), (np.array([128, 126]).tolist(), (128, 126))]
    + [(word, word) for word in ("header", "spectrum", "full")],
)
def test_the_matrix_may_be_given_as_on_the_command_line_or_in_json(given: object, taken: object) -> None:
    assert EnhanceConfig(acquired_matrix=given).acquired_matrix == taken  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["spectrun", "128", [128], (128, 126, 1), (128.5, 126), 128, None])
def test_another_matrix_is_refused(given: object) -> None:
    with pytest.raises(ConfigError, match="Expected an acquired matrix like 128x126"):
        EnhanceConfig(acquired_matrix=given)  # type: ignore[arg-type]


def test_a_bare_keras_model_is_enhanced_with_as_one_from_a_file(
    interpolator: TrainedModel, scan_of: ScanOf, magnitudes: np.ndarray
) -> None:
    scan = scan_of(magnitudes)
    bare, described = enhance_scan(scan, interpolator.model), enhance_scan(scan, interpolator)
    np.testing.assert_array_equal(bare.scan.voxels, described.scan.voxels)
    assert bare.sidecar.model == ModelReport(interpolator.model.name, 1, OWN_NETWORK, 2, "float32")
    assert bare.sidecar.noise.in_training_range is None
    with pytest.raises(ModelError, match="Expected a network for images"):
        enhance_scan(scan, keras.Sequential([keras.layers.Conv2D(1, 3)]))
