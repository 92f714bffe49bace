"""The directory of a medium, which hospitals export beside the images."""

from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid

from data_pipelines.fastmri_brain.dicom import list_dicom
from data_pipelines.fastmri_brain.fastmri_brain_dataset_builder_test import write_series


def test_a_dicomdir_says_nothing_of_the_images_beside_it(tmp_path: Path) -> None:
    write_series(tmp_path / "200", "p1", "AX T1", slices=2)
    for path in (tmp_path / "200").glob("*.dcm"):
        path.rename(path.with_name(f"IM{path.stem}"))
    directory = Dataset()
    directory.FileSetID, directory.file_meta = "MEDIUM", FileMetaDataset()
    directory.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    directory.save_as(tmp_path / "200" / "DICOMDIR", enforce_file_format=True)
    scans, left_out = list_dicom(tmp_path)
    assert [scan.subject for scan in scans] == ["p1"] and not left_out
