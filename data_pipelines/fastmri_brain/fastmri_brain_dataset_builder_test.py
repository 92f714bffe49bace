"""The builder on phantoms that are laid out like the two releases, and the sides of their patients."""

import dataclasses
from collections import defaultdict
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import pytest
import tensorflow_datasets as tfds
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from data_pipelines.fastmri_brain import release
from data_pipelines.fastmri_brain.dicom import list_dicom
from data_pipelines.fastmri_brain.fastmri_brain_dataset_builder import Builder, dicom, kspace
from data_pipelines.fastmri_brain.kspace import by_patient, list_kspace
from data_pipelines.pairs_builder import testing
from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.preparing.splits import split_of_subject
from lfsr_tf.physics.phantom import brain_phantom

MATRIX, SLICES = 64, 3
# By the hash of the name.
TRAINS, VALIDATES = "1000002", "1000001"


def images(seed: int, contrast: str) -> np.ndarray:
    """A phantom, float32 [slices, rows, columns]."""
    shape, view = (MATRIX, MATRIX, SLICES), (240.0, 240.0, 16.0)
    voxels, _ = brain_phantom(seed, contrast, shape=shape, field_of_view=view)
    return np.moveaxis(voxels, 2, 0)


def write_kspace(path: Path, patient: str, seed: int, contrast: str = "T2w") -> None:
    """A file as those of the k-space release, of two coils."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coils = images(seed, contrast)[:, np.newaxis] * np.array([0.8, 0.6j])[:, np.newaxis, np.newaxis]
    with h5py.File(path, "w") as file:
        spectrum = np.fft.fft2(np.fft.ifftshift(coils, axes=(-2, -1)), norm="ortho")
        file["kspace"] = np.fft.fftshift(spectrum, axes=(-2, -1)).astype(np.complex64)
        file["reconstruction_rss"] = np.linalg.norm(coils, axis=1).astype(np.float32)
        file.attrs.update(patient_id=patient, acquisition=path.stem.split("_")[2])


def write_name(path: Path, patient: str | None) -> None:
    """A file that says whom it shows and nothing else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        if patient is not None:
            file.attrs["patient_id"] = patient


def write_series(exam: Path, patient: str, description: str, seed: int = 1, *, slices: int = SLICES) -> None:
    """A series of classic images in the folder of an exam, numbered on behind those that are there."""
    exam.mkdir(parents=True, exist_ok=True)
    planes = images(seed, "T1w" if "T1" in description else "T2w")[:slices]
    first, uid = len(list(exam.iterdir())), generate_uid()
    for number, plane in enumerate(planes):
        dataset = Dataset()
        dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, generate_uid()
        dataset.SeriesInstanceUID, dataset.SeriesDescription = uid, description
        dataset.Modality, dataset.PatientID, dataset.InstanceNumber = "MR", patient, number + 1
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
        dataset.ImagePositionPatient, dataset.ImageOrientationPatient = (
            [0, 0, 5.5 * number],
            [1, 0, 0, 0, 1, 0],
        )
        dataset.PixelSpacing, dataset.SliceThickness = [3.75, 3.75], 5
        dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = MATRIX, MATRIX, 1
        dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.add_new("PixelData", "OW", plane.astype("<u2").tobytes())
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.save_as(exam / f"{first + number + 1:03d}.dcm", enforce_file_format=True)


def people(builder: tfds.core.DatasetBuilder) -> dict[str, set[tuple[str, str]]]:
    """Subject and contrast of the records of each side."""
    return {
        split: {
            (record["subject"].decode(), record["contrast"].decode())
            for record in builder.as_dataset(split=split).as_numpy_iterator()
        }
        for split in builder.info.splits
    }


class KspaceTest(testing.PairsBuilderTestCase):
    """Pairs from k-space; a patient of both folders trains with all contrasts."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar[list] = [
        kspace(testing.small("paper_x2", hr_size=64, train_pairs=40, validation_pairs=20, noise_copies=1))
    ]
    SPLITS: ClassVar[dict] = {"train": 40, "validation": 20}

    @classmethod
    def write_scans(cls, folder: Path) -> None:
        write_kspace(folder / "multicoil_train" / "file_brain_AXFLAIR_201_2.h5", "p1", 1, "FLAIR")
        write_kspace(folder / "multicoil_train" / "file_brain_AXT2_202_3.h5", "p2", 2)
        write_kspace(folder / "multicoil_val" / "file_brain_AXT1POST_201_1.h5", "p1", 1, "T1w")
        write_kspace(folder / "multicoil_val" / "file_brain_AXT2_202_4.h5", "p3", 3)
        (folder / "multicoil_train" / "._file_brain_AXT2_202_3.h5").write_bytes(b"left by a Mac")
        (folder / "multicoil_test").mkdir()
        (folder / "multicoil_test" / "file_brain_AXT2_202_5.h5").write_bytes(b"not used, so never read")

    def _assertAsDataset(self, builder: tfds.core.DatasetBuilder) -> None:  # noqa: N802
        super()._assertAsDataset(builder)
        trained = {("p1", "FLAIR"), ("p1", "T1w"), ("p2", "T2w")}
        assert people(builder) == {"train": trained, "validation": {("p3", "T2w")}}
        assert builder.info.metadata["moved_to_train"] == ["multicoil_val/file_brain_AXT1POST_201_1.h5"]


class DicomTest(testing.PairsBuilderTestCase):
    """Whole slices from DICOM: two exams of one patient, and one whose headers name nobody."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar[list] = [
        dicom(testing.small("slices_x2", hr_size=64, lr_patch=16))
    ]
    SPLITS: ClassVar[dict] = {"train": 9, "validation": 3}

    @classmethod
    def write_scans(cls, folder: Path) -> None:
        exams = folder / "fastMRI_brain_DICOM"
        write_series(exams / "200", TRAINS, "AX T1")
        write_series(exams / "200", TRAINS, "AX T2")
        write_series(exams / "200", TRAINS, "ep2d_diff_TRACEW")
        write_series(exams / "300", TRAINS, "AX T1 POST", 2)
        write_series(exams / VALIDATES, "", "T1 AXIAL", 3)

    def _assertAsDataset(self, builder: tfds.core.DatasetBuilder) -> None:  # noqa: N802
        super()._assertAsDataset(builder)
        trained = {(TRAINS, "T1w"), (TRAINS, "T2w")}
        assert people(builder) == {"train": trained, "validation": {(VALIDATES, "T1w")}}
        assert builder.info.metadata["left_out"] == {"ep2d_diff_TRACEW": 1}


@pytest.mark.parametrize("seed", range(5))
def test_no_patient_of_the_k_space_release_is_on_two_sides(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for number, patient in enumerate(rng.integers(0, 25, size=60)):
        part = rng.choice(["multicoil_train", "multicoil_val"])
        contrast = rng.choice(["AXT1", "AXT1POST", "AXT2", "AXFLAIR"])
        write_name(tmp_path / part / f"file_brain_{contrast}_200_{number}.h5", f"{patient:040x}")
    official = list_kspace(tmp_path)
    scans, moved = by_patient(official)
    sides, before = defaultdict(set), defaultdict(set)
    for scan, was in zip(scans, official, strict=True):
        assert scan == dataclasses.replace(was, split=scan.split)
        sides[scan.subject].add(scan.split)
        before[was.subject].add(was.split)
    assert all(len(where) == 1 for where in sides.values())
    assert all(sides[who] == where for who, where in before.items() if len(where) == 1)
    both = {who for who, where in before.items() if len(where) == 2}
    assert both
    assert all(sides[who] == {"train"} for who in both)
    assert moved == [s.name for s in official if s.subject in both and s.split == "validation"]


@pytest.mark.parametrize("seed", range(3))
def test_no_patient_of_the_dicom_release_is_on_two_sides(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    exams = tmp_path / "fastMRI_brain_DICOM"
    patients = {f"{exam}": f"{patient}" for exam, patient in enumerate(rng.integers(100, 106, size=12))}
    for exam, patient in patients.items():
        for description in rng.permutation(["AX T1", "AX T2", "AX FLAIR"])[:2]:
            write_series(exams / exam, patient if rng.random() < 0.8 else "", str(description), slices=1)
    scans, left_out = list_dicom(exams)
    assert (len(scans), left_out) == (24, {})
    subjects = defaultdict(set)
    for scan in scans:
        subjects[scan.name.split("/")[1]].add(scan.subject)
    assert all(len(who) == 1 for who in subjects.values())
    assert {subject for who in subjects.values() for subject in who} <= {*patients.values(), *patients}
    assert all(subjects[exam] in ({patient}, {exam}) for exam, patient in patients.items())


def test_the_names_of_the_phantoms_are_on_the_sides_that_the_tests_say() -> None:
    assert [split_of_subject(name, 0.2) for name in (TRAINS, VALIDATES)] == ["train", "validation"]


@pytest.mark.parametrize("patient", [None, "", "ANONYMOUS"])
def test_files_without_a_patient_are_named(tmp_path: Path, patient: str | None) -> None:
    write_name(tmp_path / "multicoil_train" / "file_brain_AXT1_200_1.h5", "p1")
    for number in (2, 3):
        write_name(tmp_path / "multicoil_val" / f"file_brain_AXT1_200_{number}.h5", patient)
    with pytest.raises(ScanError, match=r"AXT1_200_2\.h5, file_brain_AXT1_200_3\.h5 without it"):
        list_kspace(tmp_path)


def test_a_damaged_file_is_left_to_its_reader(tmp_path: Path) -> None:
    write_name(tmp_path / "multicoil_train" / "a.h5", "p1")
    (tmp_path / "multicoil_val").mkdir()
    (tmp_path / "multicoil_val" / "b.h5").write_bytes(b"\x89HDF\r\n\x1a\n, and then the disk was full")
    scans, moved = by_patient(list_kspace(tmp_path))
    assert [(scan.split, scan.subject) for scan in scans] == [("train", "p1"), ("validation", "")]
    assert moved == []


def _refused(folder: Path, *parts: str) -> str:
    with pytest.raises(ScanError) as refused:
        release.check_complete(folder, parts)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_an_empty_folder_lacks_every_archive(tmp_path: Path) -> None:
    message = _refused(tmp_path, release.TRAINING, release.VALIDATION)
    for number in range(10):
        assert f"download brain_multicoil_train_batch_{number}.tar.xz" in message
    for number in range(3):
        assert f"download brain_multicoil_val_batch_{number}.tar.xz" in message
    assert "download brain_fastMRI_DICOM.tar.gz" in _refused(tmp_path, release.DICOM)


def test_an_archive_that_is_there_is_to_be_extracted(tmp_path: Path) -> None:
    (tmp_path / "multicoil_val").mkdir()
    (tmp_path / "brain_multicoil_val_batch_1.tar.xz").touch()
    write_name(tmp_path / "multicoil_train" / "file_brain_AXT1_200_1.h5", "p1")
    message = _refused(tmp_path, release.TRAINING, release.VALIDATION)
    steps = "download {0}_0.tar.xz, extract {0}_1.tar.xz, download {0}_2.tar.xz"
    assert f"Missing: multicoil_val/ ({steps.format('brain_multicoil_val_batch')}). Ask" in message


def test_archives_in_the_folders_that_they_unpack_to_are_to_be_extracted(tmp_path: Path) -> None:
    for part in (release.VALIDATION, release.DICOM):
        (tmp_path / part).mkdir()
        for archive in release.ARCHIVES[part]:
            (tmp_path / part / archive).touch()
    steps = [f"extract multicoil_val/brain_multicoil_val_batch_{number}.tar.xz" for number in range(3)]
    assert f"multicoil_val/ ({', '.join(steps)})" in _refused(tmp_path, release.VALIDATION)
    assert f"extract {release.DICOM}/brain_fastMRI_DICOM.tar.gz" in _refused(tmp_path, release.DICOM)


def test_every_file_of_the_batch_lists_is_looked_for(tmp_path: Path) -> None:
    names = [f"file_brain_AXT2_200_{number}.h5" for number in range(6)]
    (tmp_path / "brain_multicoil_train_batch_0.txt").write_text("\n".join(names[:3]) + "\n")
    (tmp_path / "brain_multicoil_train_batch_7.txt").write_text("\n".join(names[3:]) + "\n")
    write_name(tmp_path / "multicoil_train" / names[1], "p1")
    message = _refused(tmp_path, release.TRAINING)
    lacking = ", ".join(f"multicoil_train/{name}" for name in [names[0], *names[2:]])
    assert f"Missing: {lacking}. Ask" in message
    for name in names:
        write_name(tmp_path / "multicoil_train" / name, "p1")
    release.check_complete(tmp_path, [release.TRAINING])


def test_an_exam_of_two_patients_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "200", "p1", "AX T1", slices=1)
    write_series(tmp_path / "200", "p2", "AX T2", slices=1)
    with pytest.raises(ScanError, match=r"Received: 200 \(p1, p2\)\. Part their series\."):
        list_dicom(tmp_path)


def test_a_name_that_all_exams_share_is_no_patient(tmp_path: Path) -> None:
    for exam in ("200", "300"):
        write_series(tmp_path / exam, "fastMRI", "AX T1", slices=1)
    with pytest.raises(ScanError, match="Received: 2 exams, all of patient 'fastMRI'"):
        list_dicom(tmp_path)


def test_a_damaged_dicom_file_is_left_to_its_reader(tmp_path: Path) -> None:
    write_series(tmp_path / "200", "p1", "AX T1", slices=1)
    (tmp_path / "200" / "999.dcm").write_bytes(b"cut off")
    write_series(tmp_path / "300", "p2", "AX T1", slices=1)
    scans, _ = list_dicom(tmp_path)
    assert {(scan.name.split("/", 1)[1], scan.subject) for scan in scans} >= {("300", "p2"), ("200", "p1")}


def test_the_dicom_configurations_are_the_others_under_a_suffix() -> None:
    configs = {config.name: config for config in Builder.BUILDER_CONFIGS}
    assert len(configs) == 6
    for name, config in configs.items():
        if config.release == "kspace":
            assert configs[f"{name}_dicom"].release == "dicom"
            assert configs[f"{name}_dicom"].pairs == config.pairs


def test_an_archive_beside_its_folder_is_no_batch_list(tmp_path: Path) -> None:
    (tmp_path / release.DICOM / "1").mkdir(parents=True)
    (tmp_path / release.DICOM / "1" / "a.dcm").touch()
    (tmp_path / release.ARCHIVES[release.DICOM][0]).write_bytes(b"\x1f\x8b\xff")
    release.check_complete(tmp_path, [release.DICOM])
    (tmp_path / "brain_fastMRI_DICOM.txt").write_text("1/a.dcm\n1/b.dcm\n")
    with pytest.raises(ScanError, match=r"Missing: fastMRI_brain_DICOM/1/b\.dcm\. Ask"):
        release.check_complete(tmp_path, [release.DICOM])
