"""Real scanner files: landmarks keep their place, values come back, and the checker finds nothing new."""

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from lfsr_tf.scans.dicom.files import tolerant_parsing
from lfsr_tf.scans.dicom.read import find_series, read_dicom
from lfsr_tf.scans.dicom.write import write_dicom
from lfsr_tf.scans.scan import Scan


@dataclass(frozen=True, eq=False)
class Plane:
    """One slice as its file describes it: first pixel and steps along rows and columns in LPS, values."""

    start: np.ndarray
    along_row: np.ndarray
    along_column: np.ndarray
    pixels: np.ndarray

    def world(self, row: int, column: int) -> np.ndarray:
        """RAS place of a pixel."""
        return (self.start + self.along_row * column + self.along_column * row) * [-1, -1, 1]


FOLDERS = ("dicom_datalad_T1_axial", "dicom_papaya_PD_axial", "dicom_enhanced_multiframe_xa30")


def doubled(scan: Scan) -> Scan:
    """Each in-plane sample n moved to 2n, halfway values between: sample 0 stays where it is."""
    slices = scan.slices()
    for axis in (1, 2):
        between = (slices + np.roll(slices, -1, axis)) / 2
        slices = np.stack([slices, between], axis + 1).reshape(
            [size * (2 if number == axis else 1) for number, size in enumerate(slices.shape)]
        )
    return scan.with_slices(slices.astype(np.float32))


@pytest.fixture(scope="module", params=FOLDERS)
def real(
    request: pytest.FixtureRequest, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Scan, Path]:
    """The input folder, its scan, and the derived series of twice the matrix."""
    source = shared_data / "readers" / request.param
    scan = read_dicom(source)[0]
    target = tmp_path_factory.mktemp("derived") / request.param
    write_dicom(doubled(scan), target)
    return source, scan, target


@cache
def planes(folder: Path) -> list[Plane]:
    """Every plane of a folder, from pydicom alone."""
    found = []
    with tolerant_parsing():
        for path in sorted(folder.iterdir()):
            dataset = dcmread(path)
            if "PerFrameFunctionalGroupsSequence" in dataset:
                found += multiframe_planes(dataset)
            else:
                slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
                pixels = dataset.pixel_array * slope + intercept
                found.append(make_plane(dataset, dataset, dataset, pixels))
    return found


def multiframe_planes(dataset: Dataset) -> list[Plane]:
    return [
        make_plane(
            frame.PlanePositionSequence[0],
            frame.PlaneOrientationSequence[0],
            frame.PixelMeasuresSequence[0],
            pixels,
        )
        for frame, pixels in zip(dataset.PerFrameFunctionalGroupsSequence, dataset.pixel_array, strict=True)
    ]


def make_plane(position: Dataset, orientation: Dataset, measures: Dataset, pixels: np.ndarray) -> Plane:
    cosines = np.array(orientation.ImageOrientationPatient, dtype=float)
    between_rows, between_columns = (float(value) for value in measures.PixelSpacing)
    start = np.array(position.ImagePositionPatient, dtype=float)
    return Plane(start, cosines[:3] * between_columns, cosines[3:] * between_rows, pixels)


def test_brightest_pixel_of_every_slice_keeps_its_place_and_value(real: tuple[Path, Scan, Path]) -> None:
    source, scan, target = real
    before = sorted(planes(source), key=lambda plane: tuple(plane.start))
    after = sorted(planes(target), key=lambda plane: tuple(plane.start))
    assert len(after) == len(before) == scan.voxels.shape[2]
    for old, new in zip(before, after, strict=True):
        # The values between are never brighter; where they are equal, the first in memory is the old one.
        row, column = np.unravel_index(np.argmax(old.pixels), old.pixels.shape)
        new_row, new_column = np.unravel_index(np.argmax(new.pixels), new.pixels.shape)
        np.testing.assert_allclose(new.world(new_row, new_column), old.world(row, column), atol=1e-3)
        assert abs(new.pixels[new_row, new_column] - old.pixels[row, column]) < scan.voxels.max() / 65535


def test_scans_affine_agrees_with_the_files_at_every_corner(real: tuple[Path, Scan, Path]) -> None:
    source, scan, _ = real
    columns, rows, slices = scan.voxels.shape
    computed = np.array([(scan.affine @ [columns - 1, rows - 1, k, 1])[:3] for k in range(slices)])
    for plane in planes(source):
        distances = np.linalg.norm(computed - plane.world(rows - 1, columns - 1), axis=1)
        # Positions of one series are rounded to 0.1 mm, so a straight line misses them by as much.
        assert distances.min() < 0.1
        np.testing.assert_array_equal(scan.voxels[:, :, int(np.argmin(distances))].T, plane.pixels)


def test_derived_series_reads_back_as_written(real: tuple[Path, Scan, Path]) -> None:
    _, scan, target = real
    assert find_series(target) == [target]
    expected, (back,) = doubled(scan), read_dicom(target)
    np.testing.assert_allclose(back.affine, expected.affine, atol=1e-6)
    np.testing.assert_allclose(back.voxels, expected.voxels, atol=0.51 * expected.voxels.max() / 65535)
    assert (back.subject, back.contrast, back.acquired_matrix) == (
        scan.subject,
        scan.contrast,
        scan.acquired_matrix,
    )


def test_headers_of_real_files_are_understood(shared_data: Path) -> None:
    found = [read_dicom(shared_data / "readers" / name)[0] for name in FOLDERS]
    assert [scan.contrast for scan in found] == ["T1w", "PD", "T1w"]
    assert [scan.subject for scan in found] == ["02", "123565", "xa30"]
    assert [scan.acquired_matrix for scan in found] == [None, (256, 256), (128, 128)]
    # The second series' Spacing Between Slices says 2 mm, which is its gap.
    np.testing.assert_allclose([scan.voxel_sizes[2] for scan in found], [0.6667, 7.0005, 2.0], atol=1e-4)


def test_series_agrees_with_the_nifti_file_of_the_same_scan(shared_data: Path) -> None:
    dicom = read_dicom(shared_data / "readers" / "dicom_datalad_T1_axial")[0]
    nifti = nibabel.load(shared_data / "train" / "datalad02_T1W.nii.gz")
    volume = np.asanyarray(nifti.dataobj)
    to_nifti = np.linalg.inv(nifti.affine) @ dicom.affine
    # The same grid: whole voxels apart, up to flips.
    np.testing.assert_allclose(to_nifti, np.rint(to_nifti), atol=2e-3)
    steps, start = np.rint(to_nifti[:3, :3]).astype(int), np.rint(to_nifti[:3, 3]).astype(int)
    index = np.moveaxis(np.indices(dicom.voxels.shape), 0, -1) @ steps.T + start
    inside = np.all((index >= 0) & (index < volume.shape), axis=-1)
    assert inside.mean() > 0.9
    np.testing.assert_array_equal(dicom.voxels[inside], volume[tuple(index[inside].T)])


def errors(program: str, path: Path) -> set[str]:
    """What dciodvfy calls errors, without the values they quote."""
    checked = subprocess.run([program, str(path)], capture_output=True, check=False)
    lines = (checked.stdout + checked.stderr).decode("ascii", "replace").splitlines()
    return {re.sub(r'"[^"]*"|<[^>]*[.\d][^>]*>', "...", line) for line in lines if line.startswith("Error")}


def test_dciodvfy_finds_no_error_that_the_input_did_not_have(
    real: tuple[Path, Scan, Path], dciodvfy: str
) -> None:
    source, scan, target = real
    known = set().union(*(errors(dciodvfy, path) for path in sorted(source.iterdir())))
    paths = sorted(target.iterdir())
    assert len(paths) == scan.voxels.shape[2]
    for path in paths:
        assert errors(dciodvfy, path) <= known, path.name
