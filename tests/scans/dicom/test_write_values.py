"""Derived series: the values that come back, their window and times, and what a damaged header gives."""

import datetime
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from lfsr_tf.errors import OutputError
from lfsr_tf.scans.dicom.derived import DerivedSeries, derive
from lfsr_tf.scans.dicom.files import tolerant_parsing
from lfsr_tf.scans.dicom.read import read_dicom
from lfsr_tf.scans.dicom.write import write_dicom
from lfsr_tf.scans.scan import Scan
from tests.scans.dicom.derived import headers

Write = Callable[..., Path]


def test_values_come_back_within_half_a_quantisation_step(written: tuple[Scan, Scan, Path]) -> None:
    _, enhanced, folder = written
    back = read_dicom(folder)[0]
    slope = float(headers(folder)[0].RescaleSlope)
    assert slope <= enhanced.voxels.max() / 65535 * 1.001
    np.testing.assert_allclose(back.voxels, enhanced.voxels, atol=0.501 * slope)


def test_window_spans_the_volume_and_is_one_for_all_slices(written: tuple[Scan, Scan, Path]) -> None:
    _, enhanced, folder = written
    windows = {(float(dataset.WindowCenter), float(dataset.WindowWidth)) for dataset in headers(folder)}
    ((centre, width),) = windows
    assert centre - width / 2 == pytest.approx(np.percentile(enhanced.voxels, 1.0), rel=1e-4)
    assert centre + width / 2 == pytest.approx(np.percentile(enhanced.voxels, 99.5), rel=1e-4)


def test_narrow_window_is_marked_linear_exact(write_series: Write, tmp_path: Path) -> None:
    scan = read_dicom(write_series())[0]
    write_dicom(replace(scan, voxels=scan.voxels / 1e5), tmp_path / "out")
    assert {dataset.VOILUTFunction for dataset in headers(tmp_path / "out")} == {"LINEAR_EXACT"}


@pytest.mark.parametrize("kind", ["negative", "constant", "zero", "tiny", "huge"])
def test_any_range_of_values_comes_back(write_series: Write, tmp_path: Path, kind: str) -> None:
    scan = read_dicom(write_series())[0]
    ramp = scan.voxels / scan.voxels.max()
    values = {
        "negative": ramp - 0.7,
        "constant": np.full_like(ramp, 3.5),
        "zero": np.zeros_like(ramp),
        "tiny": ramp * 1e-12,
        "huge": ramp * 1e12,
    }[kind].astype(np.float32)
    write_dicom(replace(scan, voxels=values), tmp_path / "out")
    step = max(float(np.ptp(values)), float(values.max())) / 65535
    np.testing.assert_allclose(read_dicom(tmp_path / "out")[0].voxels, values, atol=0.51 * step, rtol=1e-6)


@pytest.mark.parametrize("private", [False, True])
def test_an_element_of_an_impossible_length_is_left_out(
    write_series: Write, tmp_path: Path, private: bool
) -> None:
    def three_bytes(dataset: Dataset, number: int) -> None:
        if private:
            dataset.private_block(0x19, "SIEMENS MR", create=True).add_new(0x08, "OB", b"abcd")
        else:
            dataset.add_new("RedPaletteColorLookupTableDescriptor", "OB", b"abcd")

    folder = write_series(edit=three_bytes)
    for path in folder.iterdir():
        # Two numbers of 16 bits, the second of which lacks a byte.
        path.write_bytes(path.read_bytes().replace(b"OB\0\0\4\0\0\0abcd", b"US\3\0abc"))
    write_dicom(read_dicom(folder)[0], tmp_path / "out")
    for dataset in headers(tmp_path / "out"):
        assert dataset.PatientID == "subject-7"
        assert "RedPaletteColorLookupTableDescriptor" not in dataset


def test_of_a_sequence_the_elements_that_can_be_decoded_stay(write_multiframe: Write, tmp_path: Path) -> None:
    def with_item(dataset: Dataset) -> None:
        item = Dataset()
        item.CodeMeaning, item.PixelBandwidth, item.CodeValue = "kept", "7777", "1"
        dataset.AcquisitionContextSequence = [item]
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian

    path = write_multiframe(edit=with_item)
    content = path.read_bytes()
    bandwidth, wrong = b"\x18\0\x95\0\4\0\0\0", b"\x18\0\x87\x90\4\0\0\0"
    assert bandwidth in content
    path.write_bytes(content.replace(bandwidth, wrong))
    write_dicom(read_dicom(path)[0], tmp_path / "out")
    item = headers(tmp_path / "out")[0].AcquisitionContextSequence[0]
    assert (item.CodeMeaning, item.CodeValue) == ("kept", "1")
    assert "DiffusionBValue" not in item


def test_the_shape_of_inverted_pixels_goes_with_them(write_series: Write, tmp_path: Path) -> None:
    def inverted(dataset: Dataset, number: int) -> None:
        dataset.PhotometricInterpretation, dataset.PresentationLUTShape = "MONOCHROME1", "INVERSE"

    write_dicom(read_dicom(write_series(edit=inverted))[0], tmp_path / "out")
    for dataset in headers(tmp_path / "out"):
        assert dataset.PhotometricInterpretation == "MONOCHROME2"
        assert "PresentationLUTShape" not in dataset


@pytest.mark.parametrize(
    ("wrong", "written"), [(b"4A", 1), (b"1\\2 ", 1), (b"2.5 ", 1), (b"nan ", 1), (b"4.0 ", 401)]
)
def test_a_series_number_that_is_no_whole_number_counts_as_0(
    wrong: bytes, written: int, write_series: Write, tmp_path: Path
) -> None:
    folder = write_series()
    for path in folder.iterdir():
        put(path, b"\x20\0\x11\0IS", wrong)
    write_dicom(read_dicom(folder)[0], tmp_path / "out")
    assert {dataset.SeriesNumber for dataset in headers(tmp_path / "out")} == {written}


def test_an_instance_with_two_identities_is_not_referred_to(write_series: Write, tmp_path: Path) -> None:
    folder = write_series()
    for number, path in enumerate(sorted(folder.iterdir())):
        put(path, b"\x08\0\x18\0UI", b"1.2\\3.%d\0" % number)
    write_dicom(read_dicom(folder)[0], tmp_path / "out")
    for dataset in headers(tmp_path / "out"):
        assert "SourceImageSequence" not in dataset


def test_a_value_that_cannot_be_written_is_one_line(write_series: Write, tmp_path: Path) -> None:
    scan = read_dicom(write_series())[0]
    with tolerant_parsing():
        scan.header.datasets[2].add_new("TemporalPositionIndex", "UL", 2**40)
    with pytest.raises(OutputError, match=r"^Expected a DICOM header .* cannot be written .* Write NIfTI\.$"):
        write_dicom(scan, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["series"]


@pytest.mark.parametrize(
    ("offset", "date", "time"),
    [
        ("+0100", "20200102", "003000"),
        ("-1000", "20200101", "133000"),
        ("+0545", "20200102", "051500"),
        ("+9900", "20200101", "233000"),
        ("CET", "20200101", "233000"),
        (None, "20200101", "233000"),
    ],
)
def test_new_times_are_of_the_time_zone_that_the_header_names(
    offset: str | None, date: str, time: str, write_series: Write
) -> None:
    source = read_dicom(write_series())[0].header.datasets[0]
    if offset is not None:
        source.add_new("TimezoneOffsetFromUTC", "SH", offset)
    created = datetime.datetime(2020, 1, 1, 23, 30, tzinfo=datetime.UTC)
    derived = derive(source, DerivedSeries("SR x2", "test", created=created))
    for kind in ("Series", "Content", "InstanceCreation"):
        assert (derived[f"{kind}Date"].value, derived[f"{kind}Time"].value) == (date, time)
    assert derived.StudyTime == source.StudyTime
    assert derived.get("TimezoneOffsetFromUTC") == offset


def test_the_time_of_writing_is_now() -> None:
    age = datetime.datetime.now(datetime.UTC) - DerivedSeries("SR x2", "test").created
    assert abs(age) < datetime.timedelta(minutes=1)


def put(path: Path, start: bytes, value: bytes) -> None:
    """Put a value into a file's explicit little-endian element of a short length."""
    before, after = path.read_bytes().split(start, 1)
    length = int.from_bytes(after[:2], "little")
    path.write_bytes(before + start + len(value).to_bytes(2, "little") + value + after[2 + length :])
