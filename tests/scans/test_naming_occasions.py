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

# Of a year, of many people or of a release: no person's.
NUMBERED_FOLDERS = (
    *("train", "2021", "2021-05", "cohort3", "site_01", "user1", "nas01", "disk2", "project7", "study3"),
    *("study_3", "study-2019", "project-2019", "release_2", "release-1.2", "v1", "v2.0", "mri_2019"),
    *("MRI-2019-04", "scans_2019", "scans2019", "data_2019", "data2019", "2019-scans", "2019_mri"),
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
    for folder in ("p01", "V1", "v07", "subject_2010", "control_1998", "anna2019"):
        assert subject_from_path(Path("/data", folder, path)) == folder.replace("_", "-")
    date = path.partition("/")[0].partition("_")[0]
    for folder in NUMBERED_FOLDERS:
        assert subject_from_path(Path("/data", folder, path)) == date


# Names of one person's scans, most of one day, and the person.
SCANS_OF_A_DAY = {
    "20190403_101010_T1 20190403_103020_FLAIR": "20190403",
    "20190403-101010_T1 20190403_10-30-20_FLAIR 20190403T111010.25_T2": "20190403",
    "2019-04-03_10-10-10_T1 2019-04-03-10.30.20_T2 2019.04.03_10:30:20_FLAIR": "2019-04-03",
    "20190403_1_T1 20190403_2_FLAIR 20190403-3-T2 T2_20190403_0004": "20190403",
    "2006-04-18_08_20_30.0/T1 2006-04-18_09_20_30.0/T2": "2006-04-18",
    "20190403_101010_smith_T1 20190403_2_smith_FLAIR smith_20190403_103020_T2": "smith",
    "smith_2019-04-03_2019-04-10 2019-04-03_2019-04-10_smith_T1": "smith",
    "20190403_p07_T1 20190403_1_p07_T1 p07_20190403_101010_T2": "p07",
    "20190403_p_07_T1 p_07_20190403_101010_T2": "p-07",
    "007_20190403_101010_T1 007_20190403_103020_T2": "007",
}


@pytest.mark.parametrize(("names", "person"), SCANS_OF_A_DAY.items())
def test_a_time_or_a_number_of_a_series_behind_a_date_is_no_person(names, person):
    assert {subject_from_path(Path("/data", f"{name}.nii.gz")) for name in names.split()} == {person}


@pytest.mark.parametrize("names", [names for names, person in SCANS_OF_A_DAY.items() if person[0] == "2"])
def test_a_date_with_more_digits_leaves_the_person_to_a_numbered_folder(names):
    assert {subject_from_path(Path("/data/p01", f"{name}.nii.gz")) for name in names.split()} == {"p01"}


def test_a_date_and_a_time_in_one_number_stay_one():
    assert subject_from_path(Path("/data/20190403101530_T1.nii.gz")) == "20190403101530"


@pytest.mark.parametrize("name", ["pre{:02d}_T1", "T1_post{}", "pre_{}", "preop{}_FLAIR", "post-op{}"])
def test_numbers_behind_pre_and_post_tell_a_collection_apart_and_no_persons_scans(name):
    paths = [f"{name.format(number)}.nii.gz" for number in (1, 2, 11)]
    assert len({subject_from_path(Path("/data/train", path)) for path in paths}) == 3
    assert {subject_from_path(Path("/data/p01", path)) for path in paths} == {"p01"}
    assert {subject_from_path(Path("/data", f"smith_{path}")) for path in paths} == {"smith"}
    behind = [path.replace(".nii", "_smith.nii") for path in paths]
    assert {subject_from_path(Path("/data", path)) for path in behind} == {"smith"}


def test_dates_behind_pre_and_post_are_no_numbers_of_people():
    names = ("pre_20190403", "post_20190501_T1", "post2020_FLAIR")
    assert {subject_from_path(Path("/data/john", f"{name}.nii.gz")) for name in names} == {"john"}


def test_scans_before_and_after_of_one_number_are_one_persons():
    names = ("pre01_T1", "post01_T1", "FLAIR_post_01")
    assert {subject_from_path(Path("/data/train", f"{name}.nii.gz")) for name in names} == {"train-01"}


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
