"""Each real scan, enhanced on disk, shows the same anatomy at the same place of the patient."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from scipy.ndimage import map_coordinates

from lfsr_tf.inference import EnhanceConfig, Enhancer, enhance_file
from lfsr_tf.inference.jobs import Job
from lfsr_tf.networks import TrainedModel
from lfsr_tf.scans import Scan, read_scan, voxel_to_world

LOW_FIELD = [f"hku{s}_LF055T_{c}.nii.gz" for s in ("F6A", "F7A") for c in ("T1", "T2", "FLAIR")]
HIGH_FIELD = [f"hku{s}_HF3T_{c}.nii.gz" for s in ("F6A", "F7A") for c in ("T1", "T2", "FLAIR")]
KSPACE = [name.replace(".nii.gz", "_kspace_fastmri_layout.h5") for name in LOW_FIELD]
SCANS = [
    f"lowfield_dev/{name}" for name in (*LOW_FIELD, *HIGH_FIELD, *KSPACE, "mgh_portable80mT_s3_T2.nii.gz")
]
SCANS += ["readers/brain8ch_fastmri_layout.h5", "readers/brain8ch_cartesian_ksp.npy"]
DICOM = [
    "dicom_datalad_T1_axial",
    "dicom_papaya_PD_axial",
    "dicom_enhanced_multiframe_xa30/T1_96x128x128.dcm",
]


@pytest.fixture(scope="module")
def enhancer(interpolator: TrainedModel) -> Enhancer:
    return Enhancer(interpolator)


def likeness(before: Scan, voxels: np.ndarray, affine: np.ndarray, shift: np.ndarray) -> float:
    """Correlation of the input with the result at the same world coordinates, moved by `shift` voxels."""
    brightest = np.argwhere(before.voxels > np.percentile(before.voxels, 70))
    landmarks = brightest[:: max(1, len(brightest) // 20_000)]
    found = voxel_to_world(np.linalg.inv(affine), voxel_to_world(before.affine, landmarks)) + shift
    inside = ((found >= 0) & (found <= np.array(voxels.shape) - 1)).all(axis=1)
    assert inside.mean() > 0.9
    values = map_coordinates(voxels, found[inside].T, order=1)
    return float(np.corrcoef(values, before.voxels[tuple(landmarks[inside].T)])[0, 1])


def assert_in_the_right_place(before: Scan, voxels: np.ndarray, affine: np.ndarray, at_least: float) -> None:
    here = likeness(before, voxels, affine, np.zeros(3))
    moved = [np.eye(3)[axis] * step for axis in before.in_plane_axes for step in (-1, 1)]
    assert here > at_least
    assert all(likeness(before, voxels, affine, shift) < here for shift in moved)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCANS)
def test_scans_show_their_landmarks_where_they_were(
    name: str, shared_data: Path, tmp_path: Path, enhancer: Enhancer
) -> None:
    source = shared_data / name
    written = enhance_file(enhancer, Job(source, tmp_path / "result"))
    image = nib.load(next(iter(written.outputs)))
    before = read_scan(source)
    np.testing.assert_allclose(image.affine[:3, 3], before.affine[:3, 3], atol=1e-3)
    # Of raw k-space the mean over views, an interpolation twice, keeps a little less of the finest detail.
    at_least = 0.997 if "kspace" in name or "brain8ch" in name else 0.999
    assert_in_the_right_place(before, image.get_fdata(), image.affine, at_least)


@pytest.mark.slow
@pytest.mark.parametrize("name", LOW_FIELD)
def test_scans_that_are_cut_to_their_acquired_matrix_do_too(
    name: str, shared_data: Path, tmp_path: Path, interpolator: TrainedModel
) -> None:
    source = shared_data / "lowfield_dev" / name
    cutting = Enhancer(interpolator, EnhanceConfig(acquired_matrix="spectrum"))
    written = enhance_file(cutting, Job(source, tmp_path / "result"))
    ((output, sidecar),) = written.outputs.items()
    image = nib.load(output)
    before = read_scan(source)
    assert sidecar.matrix.cut
    np.testing.assert_allclose(image.affine[:3, 3], before.affine[:3, 3], atol=1e-3)
    assert_in_the_right_place(before, image.get_fdata(), image.affine, at_least=0.98)


@pytest.mark.slow
@pytest.mark.parametrize("name", DICOM)
def test_dicom_viewers_find_the_same_values_at_the_same_places(
    name: str, shared_data: Path, tmp_path: Path, enhancer: Enhancer
) -> None:
    source = shared_data / "readers" / name
    written = enhance_file(enhancer, Job(source, tmp_path / "result"))
    before = read_scan(source)
    files = sorted(next(iter(written.outputs)).glob("*.dcm"))
    assert len(files) == before.voxels.shape[before.slice_axis]
    for file in files[:: len(files) // 6]:
        dataset = pydicom.dcmread(file)
        pixels = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        rows, columns = np.meshgrid(*(np.arange(0, size, 32) for size in pixels.shape), indexing="ij")
        world = patient_position(dataset, rows.ravel(), columns.ravel()) * [-1, -1, 1]
        index = np.rint(voxel_to_world(np.linalg.inv(before.affine), world))
        np.testing.assert_allclose(voxel_to_world(before.affine, index), world, atol=0.1)
        expected = before.voxels[tuple(index.astype(int).T)]
        np.testing.assert_allclose(
            pixels[rows.ravel(), columns.ravel()], expected, atol=float(dataset.RescaleSlope)
        )


def patient_position(dataset: pydicom.Dataset, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """LPS millimetres of pixel centres, by the standard's equation (PS3.3 C.7.6.2.1.1)."""
    orientation = np.array(dataset.ImageOrientationPatient, float)
    along_row, along_column = np.split(orientation, 2)
    between_rows, between_columns = (float(value) for value in dataset.PixelSpacing)
    origin = np.array(dataset.ImagePositionPatient, float)
    return (
        origin + np.outer(columns * between_columns, along_row) + np.outer(rows * between_rows, along_column)
    )
