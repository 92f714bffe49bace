"""The volumes of one series become series that a viewer tells apart."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from lfsr_tf import __version__
from lfsr_tf.scans.dicom.read import read_dicom
from lfsr_tf.scans.dicom.write import write_dicom
from lfsr_tf.scans.scan import Scan
from tests.scans.dicom.derived import doubled, headers

Write = Callable[..., Path]


def echoes(write_series: Write, pixels: np.ndarray, count: int) -> list[Scan]:
    for echo in range(count):

        def timed(dataset: Dataset, number: int, echo: int = echo) -> None:
            dataset.EchoTime, dataset.EchoNumbers = 15 * (echo + 1), echo + 1

        folder = write_series(pixels + echo, edit=timed, prefix=f"e{echo}_")
    return read_dicom(folder)


def series_of(scans: list[Scan], folder: Path) -> list[tuple[int, str]]:
    for number, scan in enumerate(scans):
        write_dicom(doubled(scan), folder / str(number))
    first = [headers(folder / str(number))[0] for number in range(len(scans))]
    return [(int(dataset.SeriesNumber), dataset.SeriesDescription) for dataset in first]


def test_echoes_have_numbers_and_descriptions_of_their_own(
    write_series: Write, pixels: np.ndarray, tmp_path: Path, dciodvfy: str
) -> None:
    assert series_of(echoes(write_series, pixels, 3), tmp_path / "out") == [
        (401, "t1_se_tra SR x2 volume 1 of 3"),
        (402, "t1_se_tra SR x2 volume 2 of 3"),
        (403, "t1_se_tra SR x2 volume 3 of 3"),
    ]
    for path in (tmp_path / "out").rglob("*.dcm"):
        checked = subprocess.run([dciodvfy, str(path)], capture_output=True, text=True, check=False)
        assert "Error" not in checked.stdout + checked.stderr


def test_volumes_of_a_multiframe_file_have_numbers_of_their_own(
    write_multiframe: Write, pixels: np.ndarray, tmp_path: Path
) -> None:
    scans = read_dicom(write_multiframe(np.stack([pixels, pixels + 10])))
    assert [number for number, _ in series_of(scans, tmp_path / "out")] == [401, 402]


@pytest.mark.parametrize(("volumes", "last"), [(99, 499), (100, 4100), (300, 4300)])
def test_more_volumes_than_two_digits_stay_apart_from_the_next_series(
    write_series: Write, tmp_path: Path, volumes: int, last: int
) -> None:
    scan = read_dicom(write_series())[0]
    scan = replace(scan, header=replace(scan.header, volume=volumes, volumes=volumes))
    assert series_of([scan], tmp_path / "out")[0][0] == last


@pytest.mark.parametrize("number", [2**31 - 1, None])
def test_a_series_number_without_room_gives_way_to_the_volumes(
    write_series: Write, tmp_path: Path, number: int | None
) -> None:
    def edit(dataset: Dataset, index: int) -> None:
        dataset.SeriesNumber = number

    scan = read_dicom(write_series(edit=edit))[0]
    scan = replace(scan, header=replace(scan.header, volume=2, volumes=3))
    assert series_of([scan], tmp_path / "out")[0][0] == 2


def test_the_scanner_stays_the_only_model_in_the_header(write_series: Write, tmp_path: Path) -> None:
    write_dicom(doubled(read_dicom(write_series())[0]), tmp_path / "out", derivation="x" * 2000)
    dataset = headers(tmp_path / "out")[0]
    assert (dataset.ManufacturerModelName, dataset.SoftwareVersions) == ("Model", "1")
    (equipment,) = dataset.ContributingEquipmentSequence
    assert "ManufacturerModelName" not in equipment and "SoftwareVersions" not in equipment
    assert equipment.Manufacturer == "lfsr_tf"
    # Type 3 texts of 1024 characters at most; the end says the program and its version.
    assert equipment.ContributionDescription.endswith(f"(lfsr_tf {__version__})")
    assert len(equipment.ContributionDescription) == 1024
