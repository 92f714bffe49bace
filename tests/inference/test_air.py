"""Scans with a sign: z-scores and values with an offset are enhanced as the magnitudes that they were."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.inference import EnhanceConfig, Enhancer
from lfsr_tf.inference.air import air_level, with_air_at
from lfsr_tf.models import load_model
from lfsr_tf.networks import TrainedModel
from lfsr_tf.scans import Scan, phantom_scan, read_scan

ScanOf = Callable[..., Scan]
SCANS = (
    "val/msL04_study1_T2W.nii.gz",
    "val/msX26_T1_MNI_brain.nii.gz",
    "lowfield_dev/hkuF6A_LF055T_T2.nii.gz",
)


def head(contrast: str = "T1w", seed: int = 0, air: int = 20) -> np.ndarray:
    """A head, 1 at its reference, with so many more pixels of air on every side: [4, 80 + 2 air, ...]."""
    slices = phantom_scan(seed, contrast, matrix=80, slices=4).slices()
    return np.pad(slices / np.percentile(slices, 99.9), ((0, 0), (air, air), (air, air)))


def noisy() -> np.ndarray:
    """With Rician noise of 0.03."""
    shown = head()
    return np.abs(shown + np.random.default_rng(0).normal(0, 0.03, (*shown.shape, 2)) @ [1, 1j])


def masked() -> np.ndarray:
    voxels = noisy()
    return np.where(voxels > 0.15, voxels, 0.0)


def z_score(voxels: np.ndarray, of: np.ndarray | None = None) -> tuple[float, float]:
    """Factor and offset of the z-score by the mean and standard deviation of some voxels."""
    chosen = voxels if of is None else voxels[of]
    return 1 / chosen.std(), -chosen.mean() / chosen.std()


MAPS = {
    "z-score": z_score,
    "z-score of the head": lambda voxels: z_score(voxels, voxels > 0.2),
    "offset": lambda voxels: (1000.0, -300.0),
}


@pytest.mark.parametrize("background", [noisy, masked])
@pytest.mark.parametrize("affine_map", MAPS.values(), ids=MAPS)
def test_an_affine_map_of_a_magnitude_is_enhanced_as_the_magnitude(
    affine_map: Callable[[np.ndarray], tuple[float, float]],
    background: Callable[[], np.ndarray],
    random_network: Callable[..., TrainedModel],
    scan_of: ScanOf,
) -> None:
    voxels = background()
    factor, offset = affine_map(voxels)
    enhancer = Enhancer(random_network("ResidualSR", blocks=1, filters=4))
    plain, mapped = (enhancer(scan_of(v)) for v in (voxels, factor * voxels + offset))
    found = (mapped.scan.voxels - offset) / factor
    np.testing.assert_allclose(found, plain.scan.voxels, atol=2e-3 * np.abs(plain.scan.voxels).max())
    assert mapped.sidecar.offset == pytest.approx(factor * voxels.min() + offset, rel=1e-4)
    assert mapped.sidecar.reference_intensity == pytest.approx(
        factor * plain.sidecar.reference_intensity, rel=1e-3
    )
    levels = [enhanced.sidecar.noise.sigma_relative for enhanced in (plain, mapped)]
    assert levels[0] is levels[1] is None or levels[1] == pytest.approx(levels[0], rel=0.02)
    assert sum("air is 0" in warning for warning in mapped.sidecar.warnings) == 1
    assert "taken off" in " ".join(mapped.sidecar.warnings)
    assert plain.sidecar.offset == 0.0 and not any("air" in w for w in plain.sidecar.warnings)


def phase_sensitive(null: float, sigma: float, contrast: str = "T1w", air: int = 20) -> np.ndarray:
    """A head whose tissue is below 0 up to the signal `null`, in air about 0 with Gaussian noise."""
    shown = head(contrast, air=air)
    noise = np.random.default_rng(0).normal(0, sigma, shown.shape)
    return np.where(shown > 0.05, shown - null, 0.0) + noise


@pytest.mark.parametrize("air", [0, 20])
@pytest.mark.parametrize("contrast", ["T1w", "T2w"])
@pytest.mark.parametrize("null", [0.6, 0.7, 0.85])
@pytest.mark.parametrize("sigma", [0.0, 0.01, 0.05])
def test_air_about_0_is_never_shifted(
    null: float, sigma: float, contrast: str, air: int, scan_of: ScanOf
) -> None:
    scan = scan_of(phase_sensitive(null, sigma, contrast, air))
    assert scan.signed and air_level(scan) is None


def test_what_shows_no_air_is_enhanced_as_it_is_with_a_warning(
    interpolator: TrainedModel, scan_of: ScanOf
) -> None:
    scan = scan_of(phase_sensitive(0.6, 0.02))
    enhanced = Enhancer(interpolator)(scan)
    np.testing.assert_allclose(enhanced.scan.slices()[:, ::2, ::2], scan.slices(), atol=1e-5)
    assert enhanced.sidecar.offset == 0.0
    (warning,) = [warning for warning in enhanced.sidecar.warnings if "below 0" in warning]
    assert "the model knows magnitudes, whose air is 0" in warning and "Give the magnitude" in warning


def test_a_z_score_is_cut_to_its_matrix_as_the_magnitude(
    complex_images: Callable[..., np.ndarray],
    zero_fill: Callable[..., np.ndarray],
    interpolator: TrainedModel,
    scan_of: ScanOf,
) -> None:
    acquired = complex_images((40, 32), count=6)
    voxels = np.abs(zero_fill(acquired, (96, 96)))
    factor, offset = z_score(voxels)
    config = EnhanceConfig(acquired_matrix=(40, 32), views="one")
    enhanced = Enhancer(interpolator, config)(scan_of(factor * voxels + offset))
    assert enhanced.sidecar.matrix.exact
    np.testing.assert_allclose(
        (enhanced.scan.slices()[:, ::2, ::2] - offset) / factor, np.abs(acquired), atol=5e-3
    )


def test_magnitudes_keep_their_voxels(scan_of: ScanOf) -> None:
    scan = scan_of(noisy())
    assert air_level(scan) == 0.0 and with_air_at(scan, 0.0) is scan


@pytest.mark.slow
@pytest.mark.parametrize("name", SCANS)
def test_z_scores_of_real_scans_become_the_same_image(name: str, shared_data: Path) -> None:
    scan = read_scan(shared_data / name)
    middle = len(scan.slices()) // 2
    voxels = np.moveaxis(scan.slices()[middle - 2 : middle + 2], 0, scan.slice_axis)
    factor, offset = z_score(voxels, voxels > 0.2 * np.percentile(voxels, 99.5))
    enhancer = Enhancer(load_model("fast"))
    plain, mapped = (enhancer(replace(scan, voxels=v)) for v in (voxels, factor * voxels + offset))
    difference = (mapped.scan.voxels - offset) / factor - plain.scan.voxels
    assert np.sqrt(np.mean(difference**2)) < 1e-3 * plain.sidecar.reference_intensity
