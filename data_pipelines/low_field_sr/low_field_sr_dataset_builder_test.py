"""The builder on phantoms: as a flat folder, with folders for the sides, and by a manifest."""

from pathlib import Path
from typing import ClassVar

import pytest
import tensorflow_datasets as tfds

from data_pipelines.low_field_sr import Builder
from data_pipelines.pairs_builder import testing
from lfsr_tf.errors import ScanError


class FoldersTest(testing.PairsBuilderTestCase):
    """Sides by folder, the paper's patches."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar[list] = [
        testing.small("paper_x2", train_pairs=60, validation_pairs=20, noise_copies=2)
    ]
    SPLITS: ClassVar[dict] = {"train": 60, "validation": 20}

    @classmethod
    def write_scans(cls, folder: Path) -> None:
        """Two contrasts of one person train, another person validates."""
        testing.write_phantom(folder / "train" / "sub-1_T1w.nii.gz", 1)
        testing.write_phantom(folder / "train" / "deeper" / "sub-1_FLAIR.nii.gz", 1, "FLAIR")
        testing.write_phantom(folder / "val" / "sub-2_T1w.nii.gz", 2)


class ManifestTest(testing.PairsBuilderTestCase):
    """Sides by manifest, whole slices, a quarter of the resolution."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar[list] = ["slices_x2"]
    SPLITS: ClassVar[dict] = {"train": 6, "validation": 3}

    @classmethod
    def write_scans(cls, folder: Path) -> None:
        """One person under two names, whom the manifest knows."""
        for number in (1, 2, 3):
            testing.write_phantom(folder / f"scan{number}.nii.gz", number)
        (folder / "unlisted.nii.gz").write_bytes(b"not a scan, not asked for")
        (folder / "manifest.csv").write_text(
            "path,split,subject\nscan1.nii.gz,train,A\nscan2.nii.gz,train,A\nscan3.nii.gz,validation,B\n"
        )


class QuarterTest(FoldersTest):
    """The same scans at a quarter of the resolution."""

    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar[list] = [
        testing.small("x4", train_pairs=30, validation_pairs=10, noise_copies=1)
    ]
    SPLITS: ClassVar[dict] = {"train": 30, "validation": 10}


def test_a_folder_without_scans_is_refused(tmp_path: Path) -> None:
    builder = Builder(data_dir=tmp_path / "data", config="slices_x2")
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "notes.txt").write_text("No scans yet.")
    with pytest.raises(ScanError, match="Expected scans below"):
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=tmp_path / "scans")
        )
