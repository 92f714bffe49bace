"""Repetitions: pairs whose noise was measured, against k-space of known signal and noise."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest

from lfsr_tf.errors import ScanError
from lfsr_tf.pairs import PairsConfig, open_dataset, prepare_dataset, read_records
from lfsr_tf.pairs.preparing.repetitions import Measured, average, measure
from lfsr_tf.pairs.preparing.slice_cache import cache_scan
from lfsr_tf.pairs.preparing.workspace import array_path, measured_path
from lfsr_tf.pairs.slices import hr_scan
from tests.pairs.conftest import Writer

from .repeated import (
    CONFIG,
    SIGMA,
    centre,
    coils_of,
    noise,
    read,
    rss,
    source_of,
    to_images,
    to_kspace,
    write_repetitions,
)


@pytest.mark.parametrize("scale", [2, 4])
def test_lr_is_the_central_kspace_of_the_first_repetition_alone(write: Writer, scale: int) -> None:
    paths = write_repetitions(write)
    config = PairsConfig(pairing="repetitions", hr_size=32, lr_patch=4, scale=scale)
    measured = measure(read(paths), config)
    kspace = to_kspace(coils_of()) + noise(100, (4, 4, 64, 64))
    side = 32 // scale
    # Orthonormal k-space of fewer samples is a darker image: constants keep their value by this factor.
    expected = rss(to_images(centre(kspace, side))) * side / 64
    np.testing.assert_allclose(measured.images, expected, rtol=1e-4, atol=1e-2)


def test_hr_is_the_complex_average_of_the_other_repetitions(write: Writer) -> None:
    paths = write_repetitions(write)
    scans = read(paths)
    kspace = [to_kspace(coils_of()) + noise(seed, (4, 4, 64, 64)) for seed in (101, 102)]
    expected = rss(to_images(np.mean(kspace, axis=0)))
    averaged = average(scans[1:]).slices()
    inside = np.abs(coils_of()).sum(axis=1) > 0
    # The phase in which the two differ is measured in noise, so it is not exactly none.
    assert np.abs(averaged - expected)[inside].max() < 0.1 * SIGMA
    assert average(scans[1:2]) is scans[1]


def test_an_average_has_less_noise_and_less_noise_floor(write: Writer) -> None:
    scans = read(write_repetitions(write))
    background = np.abs(coils_of()).sum(axis=1) == 0
    floors = [np.square(average(scans[:count]).slices()[background]).mean() for count in (1, 2, 3)]
    # Of n coils the mean square of noise alone is 2 n sigma^2.
    np.testing.assert_allclose(floors, [8 * SIGMA**2 / count for count in (1, 2, 3)], rtol=0.1)


def test_phase_and_echo_position_of_a_repetition_do_not_matter(write: Writer) -> None:
    images = coils_of()
    rows, columns = np.meshgrid(*[np.linspace(-1, 1, 64)] * 2, indexing="ij")
    drifted = images * np.exp(2.5j + 1.5j * rows - 1j * columns**2)
    paths = [
        write(to_kspace(images)),
        write(np.roll(to_kspace(drifted), (3, -2), axis=(-2, -1)), "2022061003_T102.h5"),
    ]
    scans = read(paths)
    truth = rss(images)
    assert np.abs(average(scans).slices() - truth).max() < 0.02 * truth.max()
    plain = rss(to_images(np.mean([scan.kspace for scan in scans], axis=0)))
    assert np.abs(plain - truth).max() > 0.5 * truth.max()
    shifted = measure(read_with_noise(write, paths), CONFIG).images
    assert np.abs(shifted - measure(read(write_repetitions(write)), CONFIG).images).max() < 8 * SIGMA


def read_with_noise(write: Writer, paths: Sequence[Path]) -> list:
    """The same scans, the second one first, each with noise of its own."""
    noisy = []
    for number, path in enumerate(reversed(paths)):
        with h5py.File(path) as file:
            kspace = file["kspace"][()]
        noisy.append(write(kspace + noise(number, kspace.shape), f"noisy/{path.name}"))
    return read(noisy)


@pytest.mark.parametrize("sigma", [4.0, 12.0, 40.0])
@pytest.mark.parametrize("scale", [2, 4])
def test_the_noise_level_is_the_one_that_was_planted(write: Writer, sigma: float, scale: int) -> None:
    clean = to_kspace(coils_of(side=128, slices=6))
    paths = [write(clean + noise(seed, clean.shape, sigma), f"2022061003_T10{seed}.h5") for seed in (1, 2)]
    config = PairsConfig(pairing="repetitions", hr_size=96, lr_patch=8, scale=scale)
    # The crop from 128 to 96 / scale keeps the noise of a sample, and the image gets darker by the ratio.
    expected = sigma * 96 / scale / 128
    assert measure(read(paths), config).sigma == pytest.approx(expected, rel=0.03)


def test_motion_within_the_head_does_not_count_as_noise(write: Writer) -> None:
    images = coils_of(side=128, slices=6)
    moved = images.copy()
    moved[:, :, 50:70, 50:70] *= 0.5
    paths = [
        write(to_kspace(shown) + noise(seed, shown.shape), f"2022061003_T10{seed}.h5")
        for seed, shown in enumerate((images, moved), start=1)
    ]
    config = PairsConfig(pairing="repetitions", hr_size=64, lr_patch=8)
    assert measure(read(paths), config).sigma == pytest.approx(SIGMA / 4, rel=0.06)


def test_noise_of_lr_and_hr_is_independent(write: Writer) -> None:
    config = PairsConfig(pairing="repetitions", hr_size=128, lr_patch=8)
    clean = coils_of(side=128, slices=6)
    scans = read(
        [write(to_kspace(clean) + noise(seed, clean.shape), f"2022061003_T10{seed}.h5") for seed in (1, 2, 3)]
    )
    inside = (np.abs(clean).sum(axis=1) > 0)[:, ::2, ::2]
    low = (measure(scans, config).images - rss(to_images(centre(to_kspace(clean), 64))) / 2)[inside]

    def shared(averaged: Sequence) -> float:
        """Correlation of LR's noise with HR's at the places of the LR samples, within the head."""
        high = (average(averaged).slices() - rss(clean))[:, ::2, ::2][inside]
        return float(np.corrcoef(low, high)[0, 1])

    limit = 4 / np.sqrt(low.size)
    assert abs(shared(scans[1:])) < limit
    # An average of all repetitions would hand the input's noise to the network as truth.
    assert shared(scans) > 4 * limit


def test_cached_pairs_share_one_reference_and_one_noise_level(write: Writer, tmp_path: Path) -> None:
    paths = write_repetitions(write)
    (volume,) = cache_scan(tmp_path / "cache", 3, source_of(paths), CONFIG)["volumes"]
    low = np.load(measured_path(tmp_path / "cache", 3, 0))
    high = np.load(array_path(tmp_path / "cache", 3, 0))
    assert (low.dtype, low.shape, high.shape) == (np.float16, (4, 16, 16), (4, 32, 32))
    measured = measure(read(paths), CONFIG)
    np.testing.assert_allclose(low, measured.images / volume["reference"], rtol=1e-3, atol=1e-4)
    assert volume["sigma"] == pytest.approx(measured.sigma / volume["reference"])
    np.testing.assert_allclose(high.mean(), low.mean(), rtol=0.05)


def test_an_outlier_in_lr_that_float16_cannot_hold_is_refused(
    write: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lfsr_tf.pairs.preparing.slice_cache.measure", lambda *given: bright(measure(*given)))
    with pytest.raises(ScanError, match="Remove the outlier"):
        cache_scan(tmp_path / "cache", 0, source_of(write_repetitions(write)), CONFIG)


def bright(measured: Measured) -> Measured:
    measured.images[2, 8, 8] = 1e9
    return measured


def test_simulated_pairs_come_from_the_average_of_all(write: Writer, tmp_path: Path) -> None:
    paths = write_repetitions(write)
    config = PairsConfig(hr_size=32, lr_patch=8)
    (volume,) = cache_scan(tmp_path / "cache", 0, source_of(paths), config)["volumes"]
    expected = hr_scan(average(read(paths)), config).slices() / volume["reference"]
    np.testing.assert_allclose(np.load(array_path(tmp_path / "cache", 0, 0)), expected, rtol=1e-3, atol=1e-3)
    assert "sigma" not in volume
    assert not measured_path(tmp_path / "cache", 0, 0).exists()


@pytest.mark.usefixtures("lent")
def test_a_folder_of_m4raw_files_becomes_records(write: Writer, tmp_path: Path) -> None:
    for person, side in (("2022061003", "train"), ("2022061004", "val")):
        write_repetitions(write, 3, stem=f"{side}/{person}_T1", seed=person[-1])
        write_repetitions(write, 2, stem=f"{side}/{person}_FLAIR", seed=person[-1])
    info = prepare_dataset(tmp_path / "train", tmp_path / "val", tmp_path / "records", CONFIG, workers=1)
    assert (info.train.subjects, info.validation.subjects) == (("2022061003",), ("2022061004",))
    assert info.train.contrasts == {"FLAIR": 4, "T1w": 4}
    records = list(read_records(tmp_path / "records", "train"))
    assert len(records) == info.train.records == 48
    assert {int(record["copy"]) for record in records} == {0}
    assert len({float(record["sigma"]) for record in records}) == 2
    for record in records:
        difference = record["hr"][::2, ::2] - record["lr"]
        assert np.abs(difference).mean() < 0.3
        planted = SIGMA * 16 / 64 / float(record["reference"])
        assert float(record["sigma"]) == pytest.approx(planted, rel=0.06)
    assert open_dataset(tmp_path / "records").config == CONFIG
