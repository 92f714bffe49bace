"""Derived series: a new identity, the old patient and place, and values that come back."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    JPEG2000MC,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from lfsr_tf.errors import OutputError, ScanError
from lfsr_tf.scans.dicom.derived import DerivedSeries, derive
from lfsr_tf.scans.dicom.read import read_dicom
from lfsr_tf.scans.dicom.write import write_dicom
from lfsr_tf.scans.scan import Scan
from tests.scans.dicom.derived import doubled, headers

Write = Callable[..., Path]
KEPT = (
    "PatientID PatientName PatientBirthDate StudyInstanceUID StudyDate FrameOfReferenceUID Modality "
    "ImageOrientationPatient SliceThickness EchoTime RepetitionTime AcquisitionDate SOPClassUID "
    "PatientPosition"
)


def test_geometry_contrast_and_subject_come_back(written: tuple[Scan, Scan, Path]) -> None:
    scan, enhanced, folder = written
    back = read_dicom(folder)[0]
    np.testing.assert_allclose(back.affine, enhanced.affine, atol=1e-9)
    assert (back.contrast, back.subject) == (scan.contrast, scan.subject)
    assert back.acquired_matrix == scan.acquired_matrix


def test_first_pixel_stays_and_pixel_spacing_halves(written: tuple[Scan, Scan, Path]) -> None:
    scan, _, folder = written
    datasets = headers(folder)
    assert len(datasets) == 5
    for number, dataset in enumerate(datasets):
        first = scan.affine @ [0, 0, number, 1]
        np.testing.assert_allclose(dataset.ImagePositionPatient, first[:3] * [-1, -1, 1], atol=1e-8)
        assert list(dataset.PixelSpacing) == [0.75, 0.375]
        assert (dataset.Rows, dataset.Columns) == (48, 40)


def test_identity_is_new_and_derived(written: tuple[Scan, Scan, Path]) -> None:
    scan, _, folder = written
    source = scan.header.datasets[0]
    datasets = headers(folder)
    assert len({dataset.SOPInstanceUID for dataset in datasets}) == len(datasets) == 5
    assert {dataset.SeriesInstanceUID for dataset in datasets}.isdisjoint({source.SeriesInstanceUID})
    assert len({dataset.SeriesInstanceUID for dataset in datasets}) == 1
    for dataset in datasets:
        assert list(dataset.ImageType) == ["DERIVED", "SECONDARY", "M", *source.ImageType[3:]]
        assert dataset.SeriesNumber == 401
        assert dataset.SeriesDescription == "t1_se_tra SR x2"
        assert "20 x 24 to 40 x 48 (lfsr_tf" in dataset.DerivationDescription
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_each_slice_refers_to_its_source(written: tuple[Scan, Scan, Path]) -> None:
    scan, _, folder = written
    references = [dataset.SourceImageSequence[0] for dataset in headers(folder)]
    if scan.header.multiframe:
        assert [reference.ReferencedFrameNumber for reference in references] == [1, 2, 3, 4, 5]
        assert {reference.ReferencedSOPInstanceUID for reference in references} == {
            scan.header.datasets[0].SOPInstanceUID
        }
    else:
        assert [reference.ReferencedSOPInstanceUID for reference in references] == [
            dataset.SOPInstanceUID for dataset in scan.header.datasets
        ]


def test_patient_study_and_acquisition_are_kept(write_series: Write, tmp_path: Path) -> None:
    folder = write_series()
    write_dicom(doubled(read_dicom(folder)[0]), tmp_path / "out")
    datasets = headers(tmp_path / "out")
    assert len(datasets) == 5
    for before, after in zip(headers(folder), datasets, strict=True):
        for keyword in KEPT.split():
            assert after.get(keyword) == before.get(keyword), keyword


def test_timing_of_a_multiframe_file_is_kept(write_multiframe: Write, tmp_path: Path) -> None:
    write_dicom(doubled(read_dicom(write_multiframe())[0]), tmp_path / "out")
    dataset = headers(tmp_path / "out")[0]
    assert (dataset.EchoTime, dataset.RepetitionTime, dataset.FlipAngle) == (15, 500, 90)
    assert (dataset.ScanningSequence, dataset.SequenceVariant, dataset.SequenceName) == (
        "SE",
        "NONE",
        "se2d1",
    )
    assert list(dataset.AcquisitionMatrix) == [16, 0, 0, 12]
    assert dataset.InPlanePhaseEncodingDirection == "COL"


def test_inversion_of_a_multiframe_file_is_kept(write_multiframe: Write, tmp_path: Path) -> None:
    def inverted(dataset: Dataset) -> None:
        modifier = Dataset()
        modifier.InversionRecovery, modifier.InversionTimes = "YES", [900.0, 2400.0]
        dataset.SharedFunctionalGroupsSequence[0].MRModifierSequence = [modifier]
        dataset.EchoPulseSequence = "GRADIENT"

    write_dicom(doubled(read_dicom(write_multiframe(edit=inverted))[0]), tmp_path / "out")
    dataset = headers(tmp_path / "out")[0]
    assert dataset.InversionTime == 900
    assert (list(dataset.ScanningSequence), dataset.SequenceVariant) == (["GR", "IR"], "MP")


def test_stale_and_private_elements_are_removed(write_series: Write, tmp_path: Path) -> None:
    def stale(dataset: Dataset, number: int) -> None:
        dataset.SmallestImagePixelValue, dataset.LargestImagePixelValue = 1, 2999
        dataset.PixelPaddingValue = 0
        dataset.WindowCenter, dataset.WindowWidth = [100, 200], [50, 60]
        dataset.WindowCenterWidthExplanation = ["one", "two"]
        dataset.VOILUTSequence = []
        dataset.private_block(0x0029, "VENDOR", create=True).add_new(0x10, "LO", "secret")
        dataset.add_new(0x60000010, "US", 24)

    write_dicom(doubled(read_dicom(write_series(edit=stale))[0]), tmp_path / "out")
    datasets = headers(tmp_path / "out")
    assert len(datasets) == 5
    for dataset in datasets:
        assert not any(element.tag.is_private or element.tag.group == 0x6000 for element in dataset)
        for keyword in (
            "SmallestImagePixelValue",
            "LargestImagePixelValue",
            "PixelPaddingValue",
            "WindowCenterWidthExplanation",
            "VOILUTSequence",
        ):
            assert keyword not in dataset
        assert (dataset.BitsAllocated, dataset.BitsStored, dataset.PixelRepresentation) == (16, 16, 0)


def test_one_volume_of_several_is_written_alone(
    write_multiframe: Write, pixels: np.ndarray, tmp_path: Path
) -> None:
    second = read_dicom(write_multiframe(np.stack([pixels, pixels + 10])))[1]
    write_dicom(second, tmp_path / "out")
    back = read_dicom(tmp_path / "out")
    assert len(back) == 1
    np.testing.assert_allclose(back[0].voxels, second.voxels, atol=0.05)


def test_padded_scan_is_placed_by_its_affine(write_series: Write, tmp_path: Path) -> None:
    padded = read_dicom(write_series())[0].padded((2, 0), (2, 0))
    write_dicom(padded, tmp_path / "out")
    back = read_dicom(tmp_path / "out")[0]
    np.testing.assert_allclose(back.affine, padded.affine, atol=1e-9)
    assert back.voxels.shape == (24, 24, 5)


@pytest.mark.parametrize("axis", [0, 1])
def test_scan_enhanced_across_its_slices_gets_more_slices(
    write_series: Write, tmp_path: Path, axis: int
) -> None:
    enhanced = doubled(read_dicom(write_series())[0].cut_along(axis))
    write_dicom(enhanced, tmp_path / "out")
    back = read_dicom(tmp_path / "out")[0]
    assert back.voxels.shape[2] == 10
    np.testing.assert_allclose(back.affine, enhanced.affine, atol=1e-9)
    np.testing.assert_allclose(back.voxels, enhanced.voxels, atol=0.1)
    assert float(headers(tmp_path / "out")[0].SliceThickness) == 2.0
    assert [dataset.InstanceNumber for dataset in headers(tmp_path / "out")] == list(range(1, 11))


def test_big_endian_input_is_written_little_endian(
    write_series: Write, pixels: np.ndarray, tmp_path: Path
) -> None:
    def swapped(dataset: Dataset, number: int) -> None:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        dataset.add_new("PixelData", "OW", pixels[number].astype(">u2").tobytes())
        dataset.AcquisitionMatrix = [16, 0, 0, 12]

    scan = read_dicom(write_series(pixels, edit=swapped))[0]
    write_dicom(scan, tmp_path / "out")
    assert read_dicom(tmp_path / "out")[0].acquired_matrix == scan.acquired_matrix == (16, 12)


def test_lossy_input_stays_marked_lossy(write_series: Write) -> None:
    source = read_dicom(write_series())[0].header.datasets[0]
    source.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    assert derive(source, DerivedSeries("SR x2", "test")).LossyImageCompression == "01"


@pytest.mark.parametrize("syntax", [JPEG2000, JPEG2000MC, HTJ2K])
@pytest.mark.parametrize(("said", "marked"), [("00", "00"), ("01", "01"), (None, "01")])
def test_a_syntax_that_may_be_reversible_is_what_the_file_says(
    syntax: str, said: str | None, marked: str, write_series: Write
) -> None:
    source = read_dicom(write_series())[0].header.datasets[0]
    source.file_meta.TransferSyntaxUID = syntax
    if said is not None:
        source.LossyImageCompression = said
    assert derive(source, DerivedSeries("SR x2", "test")).LossyImageCompression == marked


def test_long_descriptions_are_cut_and_the_suffix_kept(write_series: Write, tmp_path: Path) -> None:
    def wordy(dataset: Dataset, number: int) -> None:
        dataset.SeriesDescription = "x" * 64

    write_dicom(doubled(read_dicom(write_series(edit=wordy))[0]), tmp_path / "out")
    description = headers(tmp_path / "out")[0].SeriesDescription
    assert len(description) == 64 and description.endswith("x SR x2")


def test_input_headers_are_not_changed_by_writing(written: tuple[Scan, Scan, Path], tmp_path: Path) -> None:
    scan, enhanced, _ = written
    before = [dataset.to_json() for dataset in scan.header.datasets]
    write_dicom(enhanced, tmp_path / "again")
    assert [dataset.to_json() for dataset in scan.header.datasets] == before


def test_scan_that_is_not_from_dicom_is_refused(tmp_path: Path) -> None:
    scan = Scan(np.ones((16, 16, 4), np.float32), np.eye(4))
    with pytest.raises(OutputError, match="read from DICOM"):
        write_dicom(scan, tmp_path / "out")


def test_flipped_scan_is_refused(write_series: Write, tmp_path: Path) -> None:
    scan = read_dicom(write_series())[0]
    with pytest.raises(OutputError, match="turned or flipped"):
        write_dicom(replace(scan, affine=scan.affine @ np.diag([-1, 1, 1, 1])), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nan_leaves_nothing_behind(write_series: Write, tmp_path: Path) -> None:
    scan = read_dicom(write_series())[0]
    with pytest.raises(ScanError, match="finite"):
        write_dicom(replace(scan, voxels=scan.voxels * np.float32("nan")), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["series"]


def test_failure_in_the_middle_leaves_nothing_behind(
    write_series: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = read_dicom(write_series())[0]
    save = Dataset.save_as

    def fail_at_third(self: Dataset, path: Path, **options: object) -> None:
        if path.name == "IM0003.dcm":
            raise OSError(28, "No space left on device")
        save(self, path, **options)

    monkeypatch.setattr(Dataset, "save_as", fail_at_third)
    with pytest.raises(OutputError, match="No space left"):
        write_dicom(scan, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["series"]


def test_existing_folder_is_refused(written: tuple[Scan, Scan, Path]) -> None:
    _, enhanced, folder = written
    with pytest.raises(OutputError, match="not empty"):
        write_dicom(enhanced, folder)


def test_dciodvfy_finds_no_error_in_valid_derived_series(
    written: tuple[Scan, Scan, Path], dciodvfy: str
) -> None:
    paths = sorted(written[2].iterdir())
    assert len(paths) == 5
    for path in paths:
        checked = subprocess.run([dciodvfy, str(path)], capture_output=True, text=True, check=False)
        output = checked.stdout + checked.stderr
        assert "MRImage" in output
        assert [line for line in output.splitlines() if line.startswith("Error")] == []
