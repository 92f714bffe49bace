"""What a NIfTI header says of times and slices holds for every volume that is written from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.scans.nifti import read_nifti, write_nifti
from lfsr_tf.scans.scan import Scan

Image = Callable[..., np.ndarray]
SLICE_TIMES = ("slice_start", "slice_end", "slice_code", "slice_duration")


def bold(path: Path, voxels: np.ndarray, image_class: Any = nib.Nifti1Image, units: str = "sec") -> Path:
    """A series with a repetition time of 2.25, a start at 0.5, and slices along the third axis."""
    series = image_class(voxels, np.diag([3.0, 3.0, 4.0, 1.0]))
    series.header.set_xyzt_units("mm", units)
    series.header["pixdim"][4], series.header["toffset"] = 2.25, 0.5
    series.header.set_dim_info(freq=0, phase=1, slice=2)
    series.header["slice_end"], series.header["slice_code"] = voxels.shape[2] - 1, 3
    series.header["slice_duration"] = 0.35
    nib.save(series, path)
    return path


def written(scan: Scan, path: Path) -> Any:
    write_nifti(scan, path)
    return nib.load(path).header


@pytest.mark.parametrize("units", ["sec", "msec"])
@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
def test_each_volume_keeps_the_repetition_time_and_gets_its_own_moment(
    tmp_path: Path, image: Image, image_class: Any, units: str
) -> None:
    series = np.stack([image(20, 24, 6)] * 3, axis=-1)
    scans = read_nifti(bold(tmp_path / "bold.nii.gz", series, image_class, units))
    enhanced = [scan.with_slices(np.zeros((6, 40, 48), np.float32)) for scan in scans]
    headers = [written(scan, tmp_path / "v.nii.gz") for scan in enhanced]
    assert [float(header["toffset"]) for header in headers] == [0.5, 2.75, 5.0]
    for header in headers:
        assert float(header["pixdim"][4]) == 2.25
        assert header.get_xyzt_units() == ("mm", units)
        assert header.get_dim_info() == (0, 1, 2)
        assert [float(header[name]) for name in SLICE_TIMES] == pytest.approx([0, 5, 3, 0.35])


@pytest.mark.parametrize("time", [np.nan, np.inf, 3e38])
def test_a_time_that_is_none_moves_nothing(tmp_path: Path, image: Image, time: float) -> None:
    path = bold(tmp_path / "bold.nii", np.stack([image(20, 24, 6)] * 3, axis=-1))
    content = bytearray(path.read_bytes())
    content[92:96] = np.array([time], "<f4").tobytes()  # pixdim[4]
    path.write_bytes(content)
    assert float(written(read_nifti(path)[2], tmp_path / "v.nii")["toffset"]) == 0.5


def test_slices_that_were_not_acquired_have_no_times(tmp_path: Path, image: Image) -> None:
    scan = read_nifti(bold(tmp_path / "bold.nii", image(20, 24, 18)))[0].cut_along(0)
    header = written(scan.with_slices(np.zeros((20, 48, 36), np.float32)), tmp_path / "out.nii")
    assert [float(header[name]) for name in SLICE_TIMES] == [0, 0, 0, 0]
    assert float(header["pixdim"][4]) == 2.25


@pytest.mark.parametrize(
    ("sizes", "axis"),
    [((1.0, 1.0, 1.0), 0), ((1.0, 1.1, 1.2), 0), ((1.0, 1.0, 1.3), 2), ((3.0, 1.0, 1.0), 0)],
)
def test_the_header_names_the_axis_of_slices_unless_another_has_thick_ones(
    tmp_path: Path, image: Image, sizes: tuple[float, ...], axis: int
) -> None:
    volume = nib.Nifti1Image(image(20, 24, 18), np.diag([*sizes, 1.0]))
    volume.header.set_dim_info(slice=0)
    nib.save(volume, tmp_path / "a.nii")
    (scan,) = read_nifti(tmp_path / "a.nii")
    assert scan.slice_axis == axis


def test_a_single_slice_is_one_whatever_the_header_says(tmp_path: Path, image: Image) -> None:
    volume = nib.Nifti1Image(image(20, 24, 1), np.eye(4))
    volume.header.set_dim_info(slice=0)
    nib.save(volume, tmp_path / "a.nii")
    assert read_nifti(tmp_path / "a.nii")[0].slice_axis == 2


@pytest.mark.parametrize("shape", [(20, 24, 6, 1, 1), (20, 24, 6, 1, 1, 1, 1), (20, 24, 6, 2, 1)])
def test_axes_of_length_1_at_the_end_are_none(tmp_path: Path, image: Image, shape: tuple[int, ...]) -> None:
    voxels = np.repeat(image(20, 24, 6)[..., None], shape[3], axis=3)
    nib.save(nib.Nifti1Image(voxels.reshape(shape), np.eye(4)), tmp_path / "a.nii.gz")
    scans = read_nifti(tmp_path / "a.nii.gz")
    assert len(scans) == shape[3]
    for scan in scans:
        np.testing.assert_array_equal(scan.voxels, image(20, 24, 6))
    assert written(scans[0], tmp_path / "b.nii.gz").get_data_shape() == (20, 24, 6)
