"""Which files make one scan: series in one folder, echoes, time points, stacks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.dicom.read import find_series, is_dicom, read_dicom

Write = Callable[..., Path]


def second_series(dataset: Dataset, number: int) -> None:
    dataset.SeriesInstanceUID = "1.2.3.4"
    dataset.SeriesDescription, dataset.PatientID = "t2_tse_tra", "other"


def test_folder_of_one_series_is_one_scan(write_series: Write) -> None:
    folder = write_series()
    assert is_dicom(folder)
    assert find_series(folder) == [folder]
    (scan,) = read_dicom(folder)
    assert (scan.subject, scan.contrast, scan.format, scan.slice_axis) == ("subject-7", "T1w", "dicom", 2)
    assert scan.source == folder


def test_one_file_stands_for_its_series_in_a_mixed_folder(write_series: Write, pixels: np.ndarray) -> None:
    folder = write_series(pixels)
    write_series(pixels + 1, prefix="t2_", edit=second_series)
    first, second = find_series(folder)
    assert (first.name, second.name) == ("000.dcm", "t2_000.dcm")
    np.testing.assert_array_equal(read_dicom(first)[0].voxels, pixels.transpose(2, 1, 0))
    (scan,) = read_dicom(second)
    np.testing.assert_array_equal(scan.voxels, pixels.transpose(2, 1, 0) + 1)
    assert (scan.subject, scan.contrast, scan.source) == ("other", "T2w", second)


def test_files_that_are_no_images_do_not_disturb(write_series: Write) -> None:
    folder = write_series()
    (folder / "readme.txt").write_text("axial T1")
    (folder / ".hidden.dcm").write_text("left by a viewer")
    (folder / "derived").mkdir()
    assert len(read_dicom(folder)) == 1


@pytest.mark.parametrize("named_class", [True, False])
def test_the_directory_of_a_medium_is_passed_over(write_series: Write, named_class: bool) -> None:
    folder = write_series()
    directory = Dataset()
    directory.FileSetID = "DISC"
    directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.DirectoryRecordSequence = []
    directory.file_meta = FileMetaDataset()
    directory.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if named_class:
        directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
        directory.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    directory.save_as(folder / "DICOMDIR", enforce_file_format=named_class)
    if not named_class:
        content = (folder / "DICOMDIR").read_bytes()
        (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + content)
    assert find_series(folder) == [folder]
    assert len(read_dicom(folder)) == len(read_dicom(folder / "000.dcm")) == 1


def test_two_echoes_of_a_series_are_two_scans(write_series: Write, pixels: np.ndarray) -> None:
    def echo(time: float) -> Callable[[Dataset, int], None]:
        return lambda dataset, number: setattr(dataset, "EchoTime", time)

    folder = write_series(pixels, edit=echo(15))
    write_series(pixels + 7, edit=echo(90), prefix="second")
    first, second = read_dicom(folder)
    np.testing.assert_array_equal(first.voxels + 7, second.voxels)
    np.testing.assert_array_equal(first.affine, second.affine)
    assert [float(scan.header.datasets[0].EchoTime) for scan in (first, second)] == [15, 90]


def test_echoes_and_time_points_together_are_told_apart(write_series: Write, pixels: np.ndarray) -> None:
    for time in range(3):
        for echo in (10, 80):

            def label(dataset: Dataset, number: int, time: int = time, echo: int = echo) -> None:
                dataset.TemporalPositionIdentifier, dataset.EchoTime = time + 1, echo

            folder = write_series(pixels + 100 * time + echo, edit=label, prefix=f"{time}_{echo}_")
    found = [int(scan.voxels[0, 0, 0]) - int(pixels[0, 0, 0]) for scan in read_dicom(folder)]
    assert found == [10, 110, 210, 80, 180, 280]


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("TemporalPositionIdentifier", list(range(1, 13))),
        ("EchoTime", [4.6, 9.2, 13.8, 101]),
        ("DiffusionBValue", [None, 0.0, 50.0, 1000.0]),
        ("ImageType", [["ORIGINAL", "PRIMARY", "M", "A"], ["ORIGINAL", "PRIMARY", "M", "B"]]),
    ],
)
def test_volumes_are_in_the_order_of_what_tells_them_apart_whatever_the_files_are_called(
    keyword: str, values: list[object], write_series: Write, pixels: np.ndarray
) -> None:
    names = sorted(range(len(values)), key=lambda number: str(number * 7 % len(values)))
    for number, name in zip(reversed(range(len(values))), names, strict=True):

        def label(dataset: Dataset, _: int, value: object = values[number]) -> None:
            if value is not None:
                setattr(dataset, keyword, value)

        folder = write_series(pixels[:2] + number, edit=label, prefix=f"IM{name}_")
    found = [int(scan.voxels[0, 0, 0]) - int(pixels[0, 0, 0]) for scan in read_dicom(folder)]
    assert found == list(range(len(values)))


def test_trait_that_changes_with_every_slice_does_not_split(write_series: Write) -> None:
    def numbered(dataset: Dataset, number: int) -> None:
        dataset.AcquisitionNumber, dataset.TriggerTime = number, 10 * number

    assert len(read_dicom(write_series(edit=numbered))) == 1


def test_phase_images_beside_magnitude_are_left_out_with_a_note(
    write_series: Write, pixels: np.ndarray
) -> None:
    def phase(dataset: Dataset, number: int) -> None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "P", "ND"]

    folder = write_series(pixels)
    write_series(pixels + 9, edit=phase, prefix="phase")
    (scan,) = read_dicom(folder)
    np.testing.assert_array_equal(scan.voxels, pixels.transpose(2, 1, 0))
    assert scan.notes == ("5 phase, real or imaginary images of the series were left out.",)


def test_incomplete_repetition_is_refused(write_series: Write, pixels: np.ndarray) -> None:
    def repetition(dataset: Dataset, number: int) -> None:
        dataset.TemporalPositionIdentifier = 2

    folder = write_series(pixels)
    write_series(pixels[:3], edit=repetition, prefix="again")
    with pytest.raises(ScanError, match="one slice at each place"):
        read_dicom(folder)


def test_multiframe_time_points_are_scans_in_order(write_multiframe: Write, pixels: np.ndarray) -> None:
    volumes = np.stack([pixels, pixels + 10, pixels + 20])
    scans = read_dicom(write_multiframe(volumes))
    assert len(scans) == 3
    for scan, expected in zip(scans, volumes, strict=True):
        np.testing.assert_array_equal(scan.voxels, expected.transpose(2, 1, 0))
        np.testing.assert_array_equal(scan.affine, scans[0].affine)


def test_multiframe_stacks_of_other_planes_are_scans(
    write_multiframe: Write, plane_of: Callable[[int], tuple[float, ...]], pixels: np.ndarray
) -> None:
    def second_stack(dataset: Dataset) -> None:
        shared = dataset.SharedFunctionalGroupsSequence[0]
        planes = shared.PlaneOrientationSequence
        del shared.PlaneOrientationSequence
        for number, frame in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            plane = Dataset()
            plane.ImageOrientationPatient = list(planes[0].ImageOrientationPatient)
            if number >= 5:
                cosines = plane_of(5)
                plane.ImageOrientationPatient = list(cosines)
                frame.FrameContentSequence[0].StackID = "2"
                place = np.cross(cosines[:3], cosines[3:]) * 4.0 * number
                frame.PlanePositionSequence[0].ImagePositionPatient = [f"{value:.9g}" for value in place]
            frame.PlaneOrientationSequence = [plane]

    first, second = read_dicom(write_multiframe(np.stack([pixels, pixels + 1]), edit=second_stack))
    np.testing.assert_array_equal(second.voxels, first.voxels + 1)
    assert not np.allclose(first.affine, second.affine)


def test_unknown_dimension_parts_multiframe_volumes(write_multiframe: Write, pixels: np.ndarray) -> None:
    def only_a_private_dimension(dataset: Dataset) -> None:
        dimensions = []
        for pointer in (0x00209056, 0x00209057, 0x20051413):
            dimensions.append(Dataset())
            dimensions[-1].DimensionIndexPointer = pointer
        dataset.DimensionIndexSequence = dimensions
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            del frame.FrameContentSequence[0].TemporalPositionIndex

    volumes = np.stack([pixels, pixels + 10])
    first, second = read_dicom(write_multiframe(volumes, edit=only_a_private_dimension))
    np.testing.assert_array_equal(first.voxels + 10, second.voxels)


def test_multiframe_without_anything_to_tell_volumes_apart_is_refused(
    write_multiframe: Write, pixels: np.ndarray
) -> None:
    def anonymous(dataset: Dataset) -> None:
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            del frame.FrameContentSequence[0].TemporalPositionIndex

    with pytest.raises(ScanError, match="one slice at each place"):
        read_dicom(write_multiframe(np.stack([pixels, pixels]), edit=anonymous))


def test_subject_falls_back_to_the_name(write_series: Write) -> None:
    def without_id(dataset: Dataset, number: int) -> None:
        dataset.PatientID = ""

    assert read_dicom(write_series(edit=without_id))[0].subject == "Doe^Jane"
