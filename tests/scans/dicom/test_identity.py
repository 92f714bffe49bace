"""A series is one patient's, and every image is there once; nobody's scan gets somebody's name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from pydicom.dataset import Dataset

from lfsr_tf.errors import ScanError
from lfsr_tf.scans import find_scans, read_scan, read_volumes
from lfsr_tf.scans.dicom.identity import Identity, check_identities

Write = Callable[..., Path]


def nameless(dataset: Dataset, number: int) -> None:
    dataset.PatientID = dataset.PatientName = ""


def of_two(keyword: str, first: str, second: str) -> Callable[[Dataset, int], None]:
    """Gives slices from number 3 on another value."""
    return lambda dataset, number: setattr(dataset, keyword, first if number < 3 else second)


@pytest.mark.parametrize(
    ("keyword", "first", "second"),
    [
        ("PatientID", "A-1", "B-2"),
        ("PatientID", "A-1", ""),
        ("PatientBirthDate", "19700101", "19810202"),
    ],
)
def test_two_patients_under_one_series_uid_are_never_one_volume(
    write_series: Write, keyword: str, first: str, second: str
) -> None:
    folder = write_series(edit=of_two(keyword, first, second))
    assert find_scans(folder) == [folder]
    for path in (folder, folder / "000.dcm", folder / "004.dcm"):
        with pytest.raises(ScanError, match=r"one patient in a series. Received: .*000\.dcm and .*003\.dcm"):
            read_volumes(path)


def test_patients_without_id_are_told_apart_by_their_names(write_series: Write) -> None:
    def names(dataset: Dataset, number: int) -> None:
        dataset.PatientID, dataset.PatientName = "", "Doe^Jane" if number < 3 else "Roe^Ann"

    with pytest.raises(ScanError, match=r"Doe\^Jane .* in 000\.dcm and Roe\^Ann .* in 003\.dcm"):
        read_volumes(write_series(edit=names))


def test_names_are_printed_without_line_breaks_and_orders_for_the_terminal(write_series: Write) -> None:
    folder = write_series(edit=of_two("PatientID", "A\n1\x1b[2J", "B"))
    with pytest.raises(ScanError) as caught:
        read_volumes(folder)
    assert "A 1\ufffd[2J (born" in str(caught.value)
    assert str(caught.value).isprintable()
    folder = write_series(
        name="two",
        edit=lambda dataset, number: (
            setattr(dataset, "SeriesInstanceUID", f"1.2.{number}"),
            setattr(dataset, "SeriesDescription", "a\x1b\nb"),
        ),
    )
    with pytest.raises(ScanError) as caught:
        read_volumes(folder)
    assert str(caught.value).isprintable()


def test_multiframe_files_of_two_patients_in_one_series_are_refused(
    write_multiframe: Write, tmp_path: Path
) -> None:
    write_multiframe(name="a.dcm")
    write_multiframe(name="b.dcm", edit=lambda dataset: setattr(dataset, "PatientID", "other"))
    with pytest.raises(ScanError, match="one patient in a series"):
        read_volumes(tmp_path)
    assert [read_scan(tmp_path / name).subject for name in ("a.dcm", "b.dcm")] == ["subject-7", "other"]


def test_series_of_two_patients_in_one_folder_are_named_with_their_patients(write_series: Write) -> None:
    folder = write_series()
    write_series(
        edit=lambda dataset, number: (
            setattr(dataset, "SeriesInstanceUID", "1.2.3"),
            setattr(dataset, "PatientID", "other"),
        ),
        prefix="b",
    )
    with pytest.raises(ScanError, match=r"5 files of subject-7\), .*5 files of other\)"):
        read_volumes(folder)
    assert [read_scan(path).subject for path in find_scans(folder)] == ["subject-7", "other"]


def test_a_copy_of_an_image_is_named(write_series: Write) -> None:
    folder = write_series()
    (folder / "copy.dcm").write_bytes((folder / "003.dcm").read_bytes())
    with pytest.raises(
        ScanError, match=r"every image once. Received: 003\.dcm and copy\.dcm .*SOPInstanceUID"
    ):
        read_volumes(folder)


def test_two_images_under_one_instance_uid_are_refused_wherever_they_lie(write_series: Write) -> None:
    folder = write_series(
        edit=lambda dataset, number: setattr(dataset, "SOPInstanceUID", f"1.2.{number % 4}")
    )
    with pytest.raises(ScanError, match=r"every image once. Received: 000\.dcm and 004\.dcm"):
        read_volumes(folder)


@pytest.mark.parametrize("name", ["", "ANONYMOUS", "Anonymized", "unknown", " none ", "anonymous^"])
def test_nobody_is_unknown_with_a_note_or_the_bids_folder_names_the_person(
    write_series: Write, name: str
) -> None:
    def blank(dataset: Dataset, number: int) -> None:
        dataset.PatientID, dataset.PatientName = name, name

    scan = read_scan(write_series(edit=blank))
    assert scan.subject == "unknown"
    assert scan.notes == (
        "The file names no patient: the subject is 'unknown', as for all such files. Put it into a folder "
        "sub-LABEL to tell people apart.",
    )
    labelled = read_scan(write_series(name="sub-04", edit=blank))
    assert (labelled.subject, labelled.notes) == ("sub-04", ())


def test_a_patient_id_that_contradicts_the_bids_folder_is_refused(write_series: Write) -> None:
    folder = write_series(name="sub-04", edit=lambda dataset, number: setattr(dataset, "PatientID", "sub-05"))
    with pytest.raises(ScanError, match=r"Expected one subject. Received: sub-04 and sub-05"):
        read_volumes(folder / "000.dcm")


PEOPLE = st.sampled_from(["A", "B"])


@given(st.lists(st.tuples(PEOPLE, st.sampled_from(["", "19700101", "19810202"])), min_size=1, max_size=6))
def test_a_series_passes_exactly_if_nothing_in_it_contradicts(people: list[tuple[str, str]]) -> None:
    identities = [
        Identity(Path(f"{number}.dcm"), subject, born, f"1.{number}")
        for number, (subject, born) in enumerate(people)
    ]
    dates = {born for _, born in people} - {""}
    if len({subject for subject, _ in people}) == 1 and len(dates) <= 1:
        check_identities(identities, "series")
    else:
        with pytest.raises(ScanError, match="one patient"):
            check_identities(identities, "series")


@pytest.mark.parametrize("seed", range(40))
def test_any_damaged_byte_of_a_header_is_harmless_or_refused(write_series: Write, seed: int) -> None:
    folder = write_series()
    path = folder / "002.dcm"
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for position in rng.integers(128, len(content) - 960, 3):
        content[position] = rng.integers(0, 256)
    path.write_bytes(content)
    try:
        scans = read_volumes(folder)
    except ScanError as error:
        assert "\n" not in str(error)
    else:
        assert all(np.isfinite(scan.voxels).all() and np.isfinite(scan.affine).all() for scan in scans)
