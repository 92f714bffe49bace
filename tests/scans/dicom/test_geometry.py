"""Where DICOM slices lie: the standard's equation, nibabel as oracle, and stacks that are no volume."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.dicom.read import read_dicom

LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def position_by_standard(dataset, column: int, row: int) -> np.ndarray:
    """PS3.3 equation C.7.6.2.1-1, in RAS."""
    cosines = np.array(dataset.ImageOrientationPatient, dtype=float)
    between_rows, between_columns = (float(value) for value in dataset.PixelSpacing)
    start = np.array(dataset.ImagePositionPatient, dtype=float)
    return LPS_TO_RAS * (start + cosines[:3] * between_columns * column + cosines[3:] * between_rows * row)


def assert_voxels_lie_where_the_files_say(folder: Path) -> None:
    scan = read_dicom(folder)[0]
    for path in sorted(folder.iterdir()):
        dataset = dcmread(path)
        stored = dataset.pixel_array
        for row, column in [(0, 0), (3, 17), (22, 1)]:
            world = position_by_standard(dataset, column, row)
            index = np.linalg.solve(scan.affine, [*world, 1.0])[:3]
            np.testing.assert_allclose(index, np.rint(index), atol=1e-4)
            i, j, k = np.rint(index).astype(int)
            assert (i, j) == (column, row)
            assert scan.voxels[i, j, k] == stored[row, column]


@pytest.mark.parametrize("step", [4.0, -4.0])
@pytest.mark.parametrize("seed", range(6))
def test_oblique_voxels_lie_where_the_standards_equation_puts_them(
    write_series: Callable[..., Path], plane_of: Callable[[int], tuple[float, ...]], seed: int, step: float
) -> None:
    assert_voxels_lie_where_the_files_say(write_series(orientation=plane_of(seed), step=step))


def test_order_of_files_and_instance_numbers_does_not_matter(
    write_series: Callable[..., Path], pixels: np.ndarray
) -> None:
    ascending = read_dicom(write_series(pixels))[0]
    descending = read_dicom(write_series(pixels[::-1], name="other", origin=(-30.0, -40.0, 28.0), step=-4.0))[
        0
    ]
    np.testing.assert_array_equal(ascending.voxels, descending.voxels)
    np.testing.assert_allclose(ascending.affine, descending.affine, atol=1e-12)


def test_affine_agrees_with_nibabels_wrapper_of_the_first_slice(
    write_series: Callable[..., Path], plane_of: Callable[[int], tuple[float, ...]]
) -> None:
    folder = write_series(orientation=plane_of(11), step=3.0)
    scan = read_dicom(folder)[0]
    with warnings.catch_warnings():  # nibabel calls its DICOM readers experimental
        warnings.simplefilter("ignore")
        from nibabel.nicom import dicomwrappers
    # nibabel's wrapper keeps DICOM's LPS and indexes [row, column].
    wrapped = np.diag([-1.0, -1.0, 1.0, 1.0]) @ dicomwrappers.wrapper_from_file(folder / "000.dcm").affine
    np.testing.assert_allclose(scan.affine[:, [1, 0, 3]], wrapped[:, [0, 1, 3]], atol=1e-8)
    # Its slices ascend against ours: right-handed with row before column.
    np.testing.assert_allclose(
        scan.affine[:, 2], -wrapped[:, 2] * 3.0 / np.linalg.norm(wrapped[:, 2]), atol=1e-6
    )


def test_multiframe_file_and_series_of_the_same_slices_agree(
    write_series: Callable[..., Path],
    write_multiframe: Callable[..., Path],
    plane_of: Callable[[int], tuple[float, ...]],
) -> None:
    classic = read_dicom(write_series(orientation=plane_of(4)))[0]
    enhanced = read_dicom(write_multiframe(orientation=plane_of(4)))[0]
    np.testing.assert_array_equal(enhanced.voxels, classic.voxels)
    np.testing.assert_allclose(enhanced.affine, classic.affine, atol=1e-12)


def test_spacing_comes_from_positions_and_not_from_tags(write_series: Callable[..., Path]) -> None:
    def wrong_gap(dataset, number: int) -> None:
        dataset.SpacingBetweenSlices = 1

    assert read_dicom(write_series(edit=wrong_gap, step=7.0))[0].voxel_sizes == pytest.approx(
        (0.75, 1.5, 7.0)
    )


def test_single_slice_takes_the_nominal_distance(
    write_series: Callable[..., Path], pixels: np.ndarray
) -> None:
    scan = read_dicom(write_series(pixels[:1]))[0]
    assert scan.voxels.shape == (20, 24, 1)
    assert scan.voxel_sizes == pytest.approx((0.75, 1.5, 3.0))


def test_positions_rounded_to_a_tenth_of_a_millimetre_are_even(
    write_series: Callable[..., Path], plane_of: Callable[[int], tuple[float, ...]]
) -> None:
    def rounded(dataset, number: int) -> None:
        dataset.ImagePositionPatient = [round(float(value), 1) for value in dataset.ImagePositionPatient]

    scan = read_dicom(write_series(orientation=plane_of(2), step=7.0, edit=rounded))[0]
    assert scan.voxel_sizes[2] == pytest.approx(7.0, abs=0.05)
    thin = np.ones((60, 20, 24), np.uint16)
    scan = read_dicom(write_series(thin, orientation=plane_of(4), step=1.0, edit=rounded, name="thin"))[0]
    assert scan.voxel_sizes[2] == pytest.approx(1.0, abs=0.005)


def test_thin_slices_are_uneven_by_more_than_rounding(write_series: Callable[..., Path]) -> None:
    thin = np.ones((20, 20, 24), np.uint16)
    with pytest.raises(ScanError, match=r"evenly spaced slices, 1\.000 mm apart.*Received: 0\.750 mm"):
        read_dicom(write_series(thin, step=1.0, edit=moved(2, (0.0, 0.0, 0.25))))


def moved(which: int, by: tuple[float, float, float]) -> Callable:
    def edit(dataset, number: int) -> None:
        if number == which:
            dataset.ImagePositionPatient = [
                float(value) + shift for value, shift in zip(dataset.ImagePositionPatient, by, strict=True)
            ]

    return edit


def test_missing_slice_is_named_by_its_neighbours(write_series: Callable[..., Path]) -> None:
    folder = write_series()
    (folder / "002.dcm").unlink()
    with pytest.raises(ScanError, match=r"evenly spaced.*001\.dcm and 003\.dcm"):
        read_dicom(folder)


def test_duplicate_slice_is_named(write_series: Callable[..., Path]) -> None:
    folder = write_series()
    again = dcmread(folder / "003.dcm")
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    again.save_as(folder / "copy.dcm", enforce_file_format=True)
    with pytest.raises(ScanError, match=r"one slice at each place.*003\.dcm and copy\.dcm"):
        read_dicom(folder)


def test_slice_shifted_sideways_is_refused(write_series: Callable[..., Path]) -> None:
    with pytest.raises(ScanError, match="sideways"):
        read_dicom(write_series(edit=moved(2, (3.0, 0.0, 0.0))))


def test_tilted_stack_is_refused(write_series: Callable[..., Path]) -> None:
    def tilt(dataset, number: int) -> None:
        x, y, z = (float(value) for value in dataset.ImagePositionPatient)
        dataset.ImagePositionPatient = [x, y + 1.0 * number, z]

    with pytest.raises(ScanError, match="tilt 14"):
        read_dicom(write_series(edit=tilt))


def test_turned_slice_is_refused(
    write_series: Callable[..., Path], plane_of: Callable[[int], tuple[float, ...]]
) -> None:
    def turn(dataset, number: int) -> None:
        if number == 3:
            dataset.ImageOrientationPatient = list(plane_of(1))

    with pytest.raises(ScanError, match="parallel slices"):
        read_dicom(write_series(edit=turn))


def test_slice_of_another_pixel_size_is_refused(write_series: Callable[..., Path]) -> None:
    def zoom(dataset, number: int) -> None:
        dataset.PixelSpacing = [1.5 + 0.1 * (number == 4), 0.75]

    with pytest.raises(ScanError, match="one pixel size"):
        read_dicom(write_series(edit=zoom))


def test_slice_of_another_matrix_is_refused(write_series: Callable[..., Path], pixels: np.ndarray) -> None:
    folder = write_series(pixels)
    write_series(pixels[:1, :16], prefix="small")
    with pytest.raises(ScanError, match="one size"):
        read_dicom(folder)


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
@pytest.mark.parametrize("value", [None, "delete"])
def test_missing_geometry_is_named(
    write_series: Callable[..., Path], keyword: str, value: str | None
) -> None:
    def strip(dataset, number: int) -> None:
        if value is None:
            setattr(dataset, keyword, None)
        else:
            delattr(dataset, keyword)

    with pytest.raises(ScanError, match=keyword):
        read_dicom(write_series(edit=strip))


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]),
        ("ImageOrientationPatient", [0] * 6),
        ("PixelSpacing", [0, 1]),
    ],
)
def test_impossible_geometry_is_refused(
    write_series: Callable[..., Path], keyword: str, values: list[float]
) -> None:
    with pytest.raises(ScanError, match=keyword):
        read_dicom(write_series(edit=lambda dataset, number: setattr(dataset, keyword, values)))
