"""Subjects and contrasts from names as they are found in the field."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from lfsr_tf.scans.naming import contrast_from_text, subject_from_path


@pytest.mark.parametrize(
    ("name", "subject", "contrast"),
    [
        ("sub-01_ses-02_acq-low_run-1_T1w.nii.gz", "sub-01", "T1w"),
        ("sub-A7_FLAIR.nii", "sub-A7", "FLAIR"),
        ("sub-01_PDw.nii.gz", "sub-01", "PD"),
        ("msL01_study2_T2W.nii.gz", "msL01", "T2w"),
        ("msX07_FLAIR_MNI_brain.nii.gz", "msX07", "FLAIR"),
        ("hkuF6A_LF055T_FLAIR.nii.gz", "hkuF6A", "FLAIR"),
        ("hkuF6A_HF3T_T1.nii.gz", "hkuF6A", "T1w"),
        ("hkuF7A_LF055T_T1_kspace_fastmri_layout.h5", "hkuF7A", "T1w"),
        ("mgh_portable80mT_s3_T2.nii.gz", "mgh-s3", "T2w"),
        ("cstar_T2_brain.nii.gz", "cstar", "T2w"),
        ("2022061003_T101.h5", "2022061003", "T1w"),
        ("2022061003_FLAIR02.h5", "2022061003", "FLAIR"),
        ("file_brain_AXT2_200_2000019.h5", "file-brain", "T2w"),
        ("brain_001_T1.nii.gz", "brain-001", "T1w"),
        ("brain_002_visit1_t2_flair.nii.gz", "brain-002", "FLAIR"),
        ("scan.nii.gz", "scan", "unknown"),
        ("p01/T1w.nii.gz", "p01", "T1w"),
        ("IXI012-HH-1211-PD.nii.gz", "IXI012-HH-1211", "PD"),
        ("OAS1_0042_MR1_mpr-1_anon.nii.gz", "OAS1-0042", "unknown"),
        ("OAS2_0007_MR2/T1.nii.gz", "OAS2-0007", "T1w"),
        ("sub-01_space-T1w_desc-preproc_T2w.nii.gz", "sub-01", "T2w"),
        ("sub-01_acq-MPRAGE_T2w.nii.gz", "sub-01", "T2w"),
        ("sub-01_acq-fastFLAIR_run-1_T1w.nii.gz", "sub-01", "T1w"),
        ("sub-01_T1w_brain.nii.gz", "sub-01", "T1w"),
        ("p4_T2star.nii.gz", "p4", "unknown"),
    ],
)
def test_names_give_subject_and_contrast(name, subject, contrast):
    assert subject_from_path(Path(name)) == subject
    assert contrast_from_text(Path(name).name.split(".")[0]) == contrast


@pytest.mark.parametrize(
    ("text", "contrast"),
    [
        ("AXT1", "T1w"),
        ("AXT1PRE", "T1w"),
        ("AXT1POST", "T1w"),
        ("AXT2", "T2w"),
        ("AXFLAIR", "FLAIR"),
        ("CORPD_FBK", "PD"),
        ("CORPDFS_FBK", "PD"),
        ("T1 MPRAGE sagittal", "T1w"),
        ("t2_tirm_tra_dark-fluid FLAIR", "FLAIR"),
        ("T2* gre", "unknown"),
        ("", "unknown"),
    ],
)
def test_acquisition_texts_give_the_contrast(text, contrast):
    assert contrast_from_text(text) == contrast


def test_two_visits_and_contrasts_of_a_person_are_one_subject():
    names = ["msL01_study1_T1W.nii.gz", "msL01_study2_T2W.nii.gz", "msL01_study2_FLAIR.nii.gz"]
    assert {subject_from_path(Path(name)) for name in names} == {"msL01"}
    sessions = [f"OAS2_0007_MR{number}.nii.gz" for number in (1, 2)]
    assert {subject_from_path(Path(name)) for name in sessions} == {"OAS2-0007"}


def test_a_bids_folder_names_the_subject_of_a_file_without_a_label():
    assert subject_from_path(Path("study/sub-12/anat/T1w.nii.gz")) == "sub-12"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40))
def test_any_name_gives_some_subject_and_a_known_contrast(name):
    assert subject_from_path(Path("folder", name))
    assert contrast_from_text(name) in {"T1w", "T2w", "FLAIR", "PD", "unknown"}
