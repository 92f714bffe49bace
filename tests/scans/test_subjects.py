"""Who a scan shows decides its side of the split: names that contradict each other are refused."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lfsr_tf.cli.app import app
from lfsr_tf.errors import LfsrError, ScanError
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.naming import check_labels, stated_subject, subject_from_path


@pytest.mark.parametrize("contrast", ["T1", "T2w", "FLAIR", "AXT1POST"])
def test_a_contrast_before_the_person_does_not_make_two_persons_of_one(contrast):
    assert subject_from_path(Path(f"{contrast}_p07_visit1.nii.gz")) == "p07"
    assert subject_from_path(Path(f"p07_visit1_{contrast}.nii.gz")) == "p07"


@pytest.mark.parametrize(
    ("paths", "subject"),
    [
        (["p01/T1.nii.gz", "p01/FLAIR.nii.gz", "p01/visit1_T2.nii.gz"], "p01"),
        (["p01/visit1/T1.nii.gz", "p01/ses-2/anat/T2w.nii.gz", "p01/3T/FLAIR/run1.nii.gz"], "p01"),
        (["IXI002-Guys-0828-T1.nii.gz", "IXI002-Guys-0828-T2.nii.gz"], "IXI002-Guys-0828"),
        (["p07-visit1-1.5T-T1.nii.gz", "T2-p07-ses-02.nii.gz", "p07.FLAIR.nii.gz", "p07 PD.nii"], "p07"),
        (["john-T1_axial.nii.gz", "john-T2_sag.nii.gz"], "john"),
        (["/T1.nii.gz", "/visit2/T2.nii.gz"], "unknown"),
    ],
)
def test_contrasts_and_visits_of_one_person_are_one_subject(paths, subject):
    assert {subject_from_path(Path("/", path)) for path in paths} == {subject}


@pytest.mark.parametrize("name", ["scan{:02d}.nii.gz", "Scan-{}_T1.nii.gz", "T2_scan{}.h5", "scan{}-3T.npy"])
def test_numbered_scans_of_a_collection_are_persons(name):
    subjects = [subject_from_path(Path("/data/train", name.format(number))) for number in (1, 2, 11)]
    assert len(set(subjects)) == 3
    assert all(subject.lower().startswith("train-scan") for subject in subjects)
    # Both sides of a split may count from 1.
    assert subject_from_path(Path("/data/val", name.format(1))) not in subjects


@pytest.mark.parametrize(
    "folder", ["p01", "p01/visit2", "p01/nifti", "p01/ses-1/anat", "p01/DICOM/3T", "MR01"]
)
def test_numbered_scans_in_a_folder_that_names_a_person_are_that_person(folder):
    names = ["T1.nii.gz", "scan1.nii.gz", "scan2.nii.gz", "FLAIR.nii.gz", "scan3_T2.nii.gz"]
    subjects = {subject_from_path(Path("/data", folder, name)) for name in names}
    assert subjects == {folder.partition("/")[0]}


@pytest.mark.parametrize("word", ["visit", "ses-", "session", "tp", "day", "week", "month", "year", "run"])
def test_words_for_an_occasion_are_never_two_persons(word):
    assert {subject_from_path(Path("/john", f"{word}{number}.nii.gz")) for number in (1, 2)} == {"john"}


def test_the_same_file_shows_the_same_person_however_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "p01").mkdir()
    monkeypatch.chdir(tmp_path / "p01")
    assert subject_from_path(Path("T1.nii.gz")) == subject_from_path(tmp_path / "p01" / "T2.nii.gz") == "p01"


@pytest.mark.parametrize(
    ("path", "subjects"),
    [
        ("sub-01/sub-02_T1w.nii.gz", ["sub-02"]),
        ("sub-01/ses-1/anat/sub-02_T1w.nii.gz", ["sub-02"]),
        ("sub-02_T1w.h5", ["sub-01"]),
        ("sub-01/ses-1/scan.h5", ["sub-03"]),
    ],
)
def test_labels_that_contradict_each_other_are_refused(path, subjects):
    with pytest.raises(ScanError, match=r"Expected one subject. Received: sub-0\d and sub-0\d for "):
        check_labels(Path(path), subjects)


@pytest.mark.parametrize(
    ("path", "subjects"),
    [
        ("sub-01/ses-1/anat/sub-01_T1w.nii.gz", ["sub-01"]),
        ("sub-01/dicom", ["sub-01", "sub-01"]),
        ("sub-study/raw2/sub-01_T1w.nii.gz", ["sub-01"]),
        ("sub-01_T1w.h5", ["9f3a"]),
        ("scan.h5", ["sub-01", "sub-02"]),
    ],
)
def test_names_that_say_the_same_or_nothing_pass(path, subjects):
    check_labels(Path(path), subjects)


def test_the_patient_id_of_an_hdf5_file_goes_before_its_name_unless_it_is_a_placeholder(hdf5_file, image):
    images = {"reconstruction_rss": image(3, 20, 24)}
    named = read_scan(hdf5_file("p01_T1.h5", attrs={"patient_id": "9f3a"}, **images))
    assert named.subject == "9f3a"
    for nobody in ("", "ANONYMOUS", "n/a", np.array([b"a", b"b"])):
        scan = read_scan(hdf5_file("p01_T1.h5", attrs={"patient_id": nobody}, **images))
        assert scan.subject == "p01"
        assert scan.notes[-1] == "The file names no patient: the subject is taken from its path."


def test_a_file_of_one_person_with_the_patient_id_of_another_is_refused(hdf5_file, image, tmp_path):
    path = hdf5_file("sub-02_T1w.h5", attrs={"patient_id": "sub-01"}, reconstruction_rss=image(3, 20, 24))
    with pytest.raises(ScanError, match=r"Received: sub-02 and sub-01 for .*Find out whose scan"):
        read_scan(path)
    np.savez(tmp_path / "sub-02_T1w.npz", image=image(3, 20, 24), subject="sub-01")
    with pytest.raises(ScanError, match="sub-02 and sub-01"):
        read_scan(tmp_path / "sub-02_T1w.npz")


def test_the_first_name_that_is_one_is_taken():
    assert stated_subject("", "Anonymous", " Doe^Jane ") == "Doe^Jane"
    assert stated_subject("NA", "^") == ""


def test_the_command_line_shows_each_refusal_in_one_line(tmp_path, hdf5_file, image):
    half = np.zeros((2, 64, 40), np.complex64)
    half[..., 20:] = 1
    paths = [
        hdf5_file("half.h5", kspace=half),
        hdf5_file("parts.h5", kspace=np.ones((2, 64, 40, 2), np.float32)),
        hdf5_file("sub-02.h5", attrs={"patient_id": "sub-01"}, reconstruction_rss=image(3, 20, 24)),
    ]
    shown = CliRunner().invoke(app, ["inspect", *map(str, paths)])
    assert isinstance(shown.exception, LfsrError)
    lines = [line for line in shown.stderr.splitlines() if line]
    assert len(lines) == 3
    for line, path in zip(lines, paths, strict=True):
        assert line.startswith(f"lfsr: error: {path.name}: Expected ")
        assert "Received: " in line
    prepared = CliRunner().invoke(app, ["prepare", str(paths[0]), "-o", str(tmp_path / "records")])
    assert "Expected k-space filled on both sides of its centre." in str(prepared.exception)
    assert "\n" not in str(prepared.exception)
