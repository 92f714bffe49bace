"""Scans that are known between their samples are enhanced from all these positions, and better for it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.inference import EnhanceConfig, Enhanced, Enhancer
from lfsr_tf.models import load_model
from lfsr_tf.networks import TrainedModel
from lfsr_tf.physics.fourier import fft2c, ifft2c
from lfsr_tf.physics.sampling import crop_kspace, zero_fill
from lfsr_tf.scans import Scan, phantom_scan

SIGMA = 0.02
SIZE = 128


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """Slices [4, 128, 128] of the phantom, in units of their 99.9th percentile."""
    slices = phantom_scan(3, "T1w").slices()
    chosen = slices[len(slices) // 3 :: len(slices) // 12][:4]
    rows, columns = ((size - SIZE) // 2 for size in chosen.shape[1:])
    chosen = chosen[:, rows : rows + SIZE, columns : columns + SIZE]
    return (chosen / np.percentile(chosen, 99.9)).astype(np.float32)


@pytest.fixture(scope="module")
def low_field(truth: np.ndarray) -> np.ndarray:
    """Complex images [4, 64, 64] of the truth with a phase, and noise; sample 0 at sample 0."""
    phase = np.exp(1j * np.linspace(0, 3, SIZE) * np.linspace(0.5, 1, SIZE)[:, None])
    samples = crop_kspace(fft2c(tf.constant((truth * phase).astype(np.complex64))), (64, 64)).numpy() / 2
    noise = np.random.default_rng(0).normal(0, SIGMA, (*samples.shape, 2)) @ [1, 1j]
    return np.asarray(ifft2c(tf.constant((samples + noise).astype(np.complex64))))


@pytest.fixture(scope="module")
def fast() -> TrainedModel:
    return load_model("fast")


def scan(magnitude: np.ndarray, kspace: np.ndarray | None = None) -> Scan:
    return Scan(np.moveaxis(magnitude, 0, 2), np.diag([3.0, 3.0, 5.0, 1.0]), kspace=kspace)


def given(kind: str, low_field: np.ndarray) -> tuple[Scan, EnhanceConfig]:
    if kind == "zero-filled":
        fine = zero_fill(tf.constant(low_field), (SIZE, SIZE)).numpy()
        return scan(np.abs(fine)), EnhanceConfig(acquired_matrix=(64, 64), dtype="float32")
    kspace = fft2c(tf.constant(low_field[:, None])).numpy()
    return scan(np.abs(low_field), kspace), EnhanceConfig(dtype="float32", image=kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["in_phase", "magnitude", "zero-filled"])
def test_the_mean_over_all_views_is_nearer_to_the_truth(
    kind: str, low_field: np.ndarray, truth: np.ndarray, fast: TrainedModel
) -> None:
    measured, config = given(kind, low_field)
    one, every = (Enhancer(fast, replace(config, views=views))(measured) for views in ("one", "all"))
    assert (one.sidecar.views, every.sidecar.views) == (1, 4)
    head = truth > 0.1
    worse, better = (np.mean(np.square(found.scan.slices() - truth)[head]) for found in (one, every))
    # 0.1 to 0.2 dB on scans of people.
    assert better < 0.98 * worse
    assert np.abs(every.scan.slices() - one.scan.slices()).max() < 0.3


def test_progress_is_told_of_every_slice_once(low_field: np.ndarray, interpolator: TrainedModel) -> None:
    measured, config = given("in_phase", low_field)
    finished: list[int] = []
    Enhancer(interpolator, config)(measured, finished.append)
    assert sum(finished) == len(low_field)


def test_a_magnitude_of_its_own_matrix_has_one_view(
    low_field: np.ndarray, interpolator: TrainedModel
) -> None:
    results: list[Enhanced] = [
        Enhancer(interpolator, EnhanceConfig(views=views))(scan(np.abs(low_field)))  # type: ignore[arg-type]
        for views in ("one", "all")
    ]
    assert [result.sidecar.views for result in results] == [1, 1]
    np.testing.assert_array_equal(*(result.scan.slices() for result in results))


def test_views_are_all_or_one() -> None:
    with pytest.raises(ConfigError, match=r"Expected views .*one"):
        EnhanceConfig(views="four")  # type: ignore[arg-type]


def test_a_network_of_four_times_the_matrix_has_sixteen_views(
    low_field: np.ndarray, random_network: Callable[..., TrainedModel]
) -> None:
    found = Enhancer(random_network("ResidualSR", blocks=1, filters=4, scale=4))(
        given("in_phase", low_field)[0]
    )
    assert found.sidecar.views == 16
    assert found.scan.slices().shape[1:] == (256, 256)
