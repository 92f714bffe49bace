"""Names of published collections: who they show, and in which contrast."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lfsr_tf.scans.naming import contrast_from_text, subject_from_path

# Collection, path below it, the person and the contrast.
SCHEMES = [
    ("IXI", "IXI012-HH-1211-T1.nii.gz", "IXI012-HH-1211", "T1w"),
    ("IXI", "IXI439-HH-1990-T2.nii.gz", "IXI439-HH-1990", "T2w"),
    ("IXI", "IXI480-Guys-2018-PD.nii.gz", "IXI480-Guys-2018", "PD"),
    ("OASIS-1", "OAS1_0001_MR1_mpr-1_anon.nii.gz", "OAS1-0001", "unknown"),
    ("OASIS-2", "OAS2_0007_MR2/T1.nii.gz", "OAS2-0007", "T1w"),
    ("OASIS-3", "sub-OAS30001_ses-d0129_run-01_T1w.nii.gz", "sub-OAS30001", "T1w"),
    ("OASIS-3", "OAS30001_MR_d0129/anat2/T2w.nii.gz", "OAS30001", "T2w"),
    ("ADNI", "002_S_0295/2006-04-18_08_20_30.0/ADNI_002_S_0295_MR_MP-RAGE.nii", "002-S-0295", "unknown"),
    ("ADNI", "002_S_0295_m06_T1.nii.gz", "002-S-0295", "T1w"),
    ("ADNI", "002_S_0413_bl_FLAIR.nii.gz", "002-S-0413", "FLAIR"),
    ("ADNI", "127_S_2010_T1.nii.gz", "127-S-2010", "T1w"),
    ("HCP", "100307_3T_T1w_MPR1.nii.gz", "100307", "T1w"),
    ("HCP", "100307/T1w/T1w_acpc_dc_restore_brain.nii.gz", "100307", "T1w"),
    ("UK Biobank", "1000012/T1/T1_brain.nii.gz", "1000012", "T1w"),
    ("UK Biobank", "1000012_20252_2_0/T1/T1.nii.gz", "1000012", "T1w"),
    ("fastMRI", "file_brain_AXT2_200_2000019.h5", "file-brain", "T2w"),
    ("fastMRI", "file_brain_AXT1POST_201_6002725.h5", "file-brain", "T1w"),
    ("M4Raw", "2022101101_T101.h5", "2022101101", "T1w"),
    ("M4Raw", "2022061003_FLAIR02.h5", "2022061003", "FLAIR"),
    ("LEMON", "sub-032301/ses-01/anat/sub-032301_ses-01_acq-mp2rage_T2w.nii.gz", "sub-032301", "T2w"),
    ("BIDS", "sub-01/ses-pre/anat/sub-01_ses-pre_FLAIR.nii.gz", "sub-01", "FLAIR"),
    ("BIDS", "sub-01/ses-post/anat/T1w.nii.gz", "sub-01", "T1w"),
    ("ABIDE", "50002.nii.gz", "50002", "unknown"),
    ("ABIDE", "Pitt_0050003_anat.nii.gz", "Pitt-0050003", "unknown"),
    ("ABIDE", "0050002/session_1/anat_1/mprage.nii.gz", "0050002", "T1w"),
    ("BraTS 2023", "BraTS-GLI-00005-000/BraTS-GLI-00005-000-t1n.nii.gz", "BraTS-GLI-00005", "T1w"),
    ("BraTS 2023", "BraTS-GLI-00005-000/BraTS-GLI-00005-000-t1c.nii.gz", "BraTS-GLI-00005", "T1w"),
    ("BraTS 2023", "BraTS-GLI-00005-001/BraTS-GLI-00005-001-t2w.nii.gz", "BraTS-GLI-00005", "T2w"),
    ("BraTS 2023", "BraTS-GLI-00005-001/BraTS-GLI-00005-001-t2f.nii.gz", "BraTS-GLI-00005", "FLAIR"),
    ("BraTS 2023", "BraTS-MET-00018-000/t2f.nii.gz", "BraTS-MET-00018", "FLAIR"),
    ("BraTS 2021", "BraTS2021_00621/BraTS2021_00621_t1ce.nii.gz", "BraTS2021-00621", "T1w"),
    ("BraTS 2020", "BraTS20_Training_001_flair.nii.gz", "BraTS20-Training-001", "FLAIR"),
    ("BraTS 2019", "BraTS19_CBICA_AAB_1/BraTS19_CBICA_AAB_1_t1ce.nii.gz", "BraTS19-CBICA-AAB", "T1w"),
    ("BraTS 2018", "Brats18_2013_0_1_t2.nii.gz", "Brats18-2013-0", "T2w"),
    ("UPENN-GBM", "UPENN-GBM-00001_11_T1GD.nii.gz", "UPENN-GBM-00001", "T1w"),
    ("UCSF-PDGM", "UCSF-PDGM-0004_nifti/UCSF-PDGM-0004_T1c.nii.gz", "UCSF-PDGM-0004", "T1w"),
    ("UCSF-PDGM", "UCSF-PDGM-0429_FU003d_nifti/UCSF-PDGM-0429_FU003d_T2.nii.gz", "UCSF-PDGM-0429", "T2w"),
    ("TCGA", "TCGA-CS-4941_19960909_flair.nii.gz", "TCGA-CS-4941", "FLAIR"),
    ("LUMIERE", "Patient-001/week-000-1/T1.nii.gz", "Patient-001", "T1w"),
    ("LUMIERE", "Patient-001/week-044/FLAIR.nii.gz", "Patient-001", "FLAIR"),
    ("MU-Glioma-Post", "PatientID_0003/PatientID_0003_Timepoint_1_t1c.nii.gz", "PatientID-0003", "T1w"),
    ("RESECT", "Case12-FLAIR.nii.gz", "Case12", "FLAIR"),
    ("MSSEG 2016", "Center_07_Patient_02/FLAIR.nii.gz", "Center-07-Patient-02", "FLAIR"),
    ("ISBI 2015", "training01_02_mprage_pp.nii", "training01", "T1w"),
    ("WMH", "Utrecht/17/pre/FLAIR.nii.gz", "17", "FLAIR"),
    ("PPMI", "PPMI_3102_MR_T1.nii.gz", "PPMI-3102", "T1w"),
    ("MIRIAD", "miriad_188_AD_M_01_MR_1.nii", "miriad-188", "unknown"),
    ("Calgary-Campinas", "CC0001_philips_15_55_M.nii.gz", "CC0001", "unknown"),
    ("Mindboggle", "OASIS-TRT-20-10/t1weighted.nii.gz", "OASIS-TRT-20-10", "T1w"),
    ("Kirby 21", "KKI2009-33-MPRAGE.nii.gz", "KKI2009-33", "T1w"),
    ("GSP", "Sub0001_Ses1_T1.nii.gz", "Sub0001", "T1w"),
    ("LISA", "LISA_0001_LF_axi.nii.gz", "LISA-0001", "unknown"),
    ("iSeg", "subject-1-T1.nii.gz", "subject-1", "T1w"),
]  # fmt: skip


@pytest.mark.parametrize(("collection", "path", "subject", "contrast"), SCHEMES)
def test_published_names_tell_the_person_and_the_contrast(collection, path, subject, contrast):
    assert subject_from_path(Path("/data", path)) == subject
    assert contrast_from_text(Path(path).name.split(".")[0]) == contrast


@pytest.mark.parametrize(
    "names",
    [
        [f"IXI{number:03d}-HH-{1890 + number}-T1.nii.gz" for number in range(250)],
        [f"002_S_{number:04d}_m06_T1.nii.gz" for number in range(1900, 2100)],
        [f"BraTS-GLI-{number:05d}-000-t1n.nii.gz" for number in range(50)],
        [f"BraTS20_Training_{number:03d}_t2.nii.gz" for number in range(50)],
        [f"{number}_T1.nii.gz" for number in range(1890, 2110)],
        [f"subject_{number}_T1.nii.gz" for number in range(1890, 2110)],
        [f"HC_M{number:02d}_T1.nii.gz" for number in range(1, 30)],
        [f"M{number:02d}_T1_brain.nii.gz" for number in range(1, 30)],
        [f"V{number}.nii.gz" for number in range(1, 30)],
        [f"202206{number:02d}_T1.nii.gz" for number in range(1, 31)],
        [f"{20220600 + number}_T1_brain.nii.gz" for number in range(100)],
        [f"brain_{number:03d}_T1.nii.gz" for number in range(1, 30)],
        [f"mgh_scan_{number:03d}_T1.nii.gz" for number in range(1, 30)],
    ],
    ids=lambda names: names[0],
)
def test_numbered_people_stay_as_many_as_they_are(names: Sequence[str]):
    assert len({subject_from_path(Path("/data", name)) for name in names}) == len(names)
