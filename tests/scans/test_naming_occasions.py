"""Words for an occasion and for how a scan was taken never make two persons of one."""

from pathlib import Path

import pytest

from lfsr_tf.scans.naming import contrast_from_text, subject_from_path

OCCASIONS = (
    *("pre", "post", "preop", "post-op", "pre_op", "postcontrast", "post2", "baseline", "followup"),
    *(
        "follow-up",
        "follow_up_2",
        "followup1",
        "rescan",
        "retest",
        "screening",
        "ses-pre",
        "ses-M06",
        "ses_1",
    ),
    *("visit-2", "visit_2", "Visit 2", "tp1", "time1", "timepoint_3", "day3", "week2", "month12", "month_6"),
    *(
        "session2",
        "year1",
        "run_2",
        "v1",
        "V2",
        "bl",
        "fu",
        "FU1",
        "m06",
        "d0",
        "w4",
        "y2",
        "t0",
        "12m",
        "2yrs",
    ),
    *("scan", "test", "1998", "2019", "20190403", "2019-04-03", "2019.04.03", "20190403101530"),
    *("axial", "sag", "3D", "tse", "gre"),
)


@pytest.mark.parametrize("occasion", OCCASIONS)
@pytest.mark.parametrize("person", ["smith", "anna01", "Doe-Jane"])
def test_an_occasion_behind_the_person_is_no_part_of_the_name(person, occasion):
    names = [f"{person}_{occasion}_T1.nii.gz", f"{person}_{occasion}.nii.gz", f"{person}-{occasion}-T2.nii"]
    assert {subject_from_path(Path("/data", name)) for name in names} == {person}


@pytest.mark.parametrize(
    "occasion", ["pre", "post", "baseline", "visit1", "ses-pre", "20190403", "2019-04-03"]
)
def test_an_occasion_before_the_person_is_no_part_of_the_name(occasion):
    names = [f"{occasion}_smith_T1.nii.gz", f"T1_{occasion}_smith.nii.gz", f"{occasion}-smith.nii.gz"]
    assert {subject_from_path(Path("/data", name)) for name in names} == {"smith"}


@pytest.mark.parametrize(
    "path",
    [
        "pre.nii.gz",
        "T1_post.nii.gz",
        "post/T1.nii.gz",
        "visit_2/FLAIR.nii.gz",
        "ses-pre/T1.nii.gz",
        "rescan.nii.gz",
    ],
)
def test_a_name_of_an_occasion_alone_leaves_the_person_to_the_folder(path):
    assert subject_from_path(Path("/data/john", path)) == "john"


@pytest.mark.parametrize("path", ["20190403_T1.nii.gz", "2021-05-11/T1.nii.gz", "20190403/nifti/T1.nii.gz"])
def test_a_date_alone_is_the_person_unless_its_folder_names_one_by_a_number(path):
    assert subject_from_path(Path("/data/p01", path)) == "p01"
    date = path.partition("/")[0].partition("_")[0]
    for folder in ("train", "2021", "2021-05", "cohort3", "site_01", "user1"):
        assert subject_from_path(Path("/data", folder, path)) == date


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("2019_T1.nii.gz", "2019"),
        ("patient_2019_T1.nii.gz", "patient-2019"),
        ("M06_T1.nii.gz", "M06"),
        ("patient_M06_T1.nii.gz", "patient-M06"),
        ("20231399_x_T1.nii.gz", "20231399"),
        ("scan.nii.gz", "scan"),
        ("test_001_T1.nii.gz", "test-001"),
        ("bl_T1.nii.gz", "bl"),
        ("Postma_T1.nii.gz", "Postma"),
        ("Preston_T1.nii.gz", "Preston"),
    ],
)
def test_what_looks_like_an_occasion_is_the_person_where_nothing_else_is(name, subject):
    assert subject_from_path(Path("/data", name)) == subject


@pytest.mark.parametrize(
    ("words", "contrast"),
    [
        (
            "t1n t1c t1ce t1gd t1post T1pre t1wce T1weighted t1mprage mprage MEMPRAGE mp2rage fspgr t1tse",
            "T1w",
        ),
        ("t2 t2w T2WI t2tse t2fse T2weighted AXT2", "T2w"),
        ("t2f flair t2flair T2WFLAIR FLAIR3D 3DFLAIR tirm darkfluid", "FLAIR"),
        ("pd pdw PDWI PDFS pdweighted", "PD"),
        ("t2star T2* tse swi adc dwi t10 T15", "unknown"),
    ],
)
def test_words_of_the_field_tell_the_contrast(words, contrast):
    assert {contrast_from_text(f"p01_{word}") for word in words.split()} == {contrast}
