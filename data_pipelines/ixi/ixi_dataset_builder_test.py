"""The builder on phantoms with IXI's names, contrasts and axes, in folders and in archives."""

import dataclasses
import re
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import nibabel as nib
import numpy as np
import pytest
import tensorflow_datasets as tfds
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from data_pipelines.ixi.ixi_dataset_builder import CONTRASTS, Builder, axial, contrast_folders, list_ixi
from data_pipelines.pairs_builder import testing
from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.preparing.listing import Listed
from lfsr_tf.pairs.preparing.sources import Source, volumes_of
from lfsr_tf.pairs.slices import hr_scan
from lfsr_tf.physics.phantom import brain_phantom
from lfsr_tf.scans import read_scan

# By the hash of the name the first two train and the last one validates.
PEOPLE = ("IXI002", "IXI012", "IXI016")
# Right, front, up: half of IXI's voxels along each axis of a slice, and few slices.
SHAPES = {"T1w": (75, 128, 16), "T2w": (128, 128, 6), "PD": (128, 128, 6)}
VIEWS_MM = {"T1w": (180.0, 240.0, 30.0), "T2w": (240.0, 240.0, 15.0), "PD": (240.0, 240.0, 15.0)}


def write_scan(path: Path, seed: int, contrast: str) -> None:
    """A phantom with voxels of twice IXI's edges.

    T1 lies in the file as IXI's does, posterior, superior, right; the others left, posterior, superior.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = "FLAIR" if contrast == "PD" else contrast
    voxels, spacing = brain_phantom(seed, shown, shape=SHAPES[contrast], field_of_view=VIEWS_MM[contrast])
    affine = np.diag([*spacing, 1.0])
    codes = axcodes2ornt("PSR" if contrast == "T1w" else "LPS")
    turn = ornt_transform(io_orientation(affine), codes)
    turned = nib.orientations.apply_orientation(voxels, turn)
    nib.save(nib.Nifti1Image(turned, affine @ inv_ornt_aff(turn, voxels.shape)), path)


def write_people(folder: Path) -> None:
    for seed, person in enumerate(PEOPLE):
        for name, contrast in CONTRASTS.items():
            suffix = name.removeprefix("IXI-")
            write_scan(folder / name / f"{person}-Guys-{seed:04d}-{suffix}.nii.gz", seed, contrast)


def pack(folder: Path) -> None:
    """Replace a folder by an archive with its files at the top, as IXI's are."""
    with tarfile.open(folder.with_suffix(".tar"), "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.add(file, file.name)
            file.unlink()
    folder.rmdir()


def listed(manual: Path) -> list[Listed]:
    """What is found in a manual folder without archives."""
    return list_ixi({name: manual / name for name in CONTRASTS})


class FoldersTest(testing.PairsBuilderTestCase):
    """Extracted archives, pairs of patches."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar[list] = [
        axial(testing.small("paper_x2", hr_size=64, train_pairs=40, validation_pairs=20, noise_copies=1))
    ]
    SPLITS: ClassVar[dict] = {"train": 40, "validation": 20}

    @classmethod
    def write_scans(cls, folder: Path) -> None:
        write_people(folder)
        (folder / "IXI-T1" / "IXI002-Guys-0828-MRA.nii.gz").write_bytes(b"left out, so never read")
        (folder / "IXI-T2" / "._IXI002-Guys-0828-T2.nii.gz").write_bytes(b"left by a Mac")

    def _assertAsDataset(self, builder: tfds.core.DatasetBuilder) -> None:  # noqa: N802
        super()._assertAsDataset(builder)
        shown = {
            split: {
                (record["subject"].decode(), record["contrast"].decode())
                for record in builder.as_dataset(split=split).as_numpy_iterator()
            }
            for split in self.SPLITS
        }
        everything = set(CONTRASTS.values())
        assert shown["train"] == {(person, each) for person in PEOPLE[:2] for each in everything}
        assert shown["validation"] == {(PEOPLE[2], each) for each in everything}


class ArchivesTest(testing.PairsBuilderTestCase):
    """One folder and two archives, whole slices: 16 + 6 + 6 of each of three people."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar[list] = [
        axial(testing.small("slices_x2", hr_size=64, lr_patch=16))
    ]
    SPLITS: ClassVar[dict] = {"train": 56, "validation": 28}

    @classmethod
    def write_scans(cls, folder: Path) -> None:
        write_people(folder)
        pack(folder / "IXI-T2")
        pack(folder / "IXI-PD")


@pytest.mark.parametrize("seed", range(5))
def test_no_person_is_on_two_sides_in_any_contrast(tmp_path: Path, seed: int) -> None:
    numbers = np.random.default_rng(seed).choice(660, 60, replace=False)
    for name in CONTRASTS:
        (tmp_path / name).mkdir()
        for number in numbers[:: 1 if name == "IXI-T1" else 2]:
            suffix = name.removeprefix("IXI-")
            (tmp_path / name / f"IXI{number:03d}-HH-{number + 900:04d}-{suffix}.nii.gz").touch()
    sources = [Source(**dataclasses.asdict(scan), sha256=scan.name) for scan in listed(tmp_path)]
    image = {
        "reference": 1.0,
        "hr_size": 128,
        "spacing_mm": [1, 1],
        "affine": [],
        "slices": [0],
        "capacity": [1],
    }
    indices = {
        number: {"volumes": [{"subject": source.subject, "contrast": source.contrast, **image}]}
        for number, source in enumerate(sources)
    }
    volumes = volumes_of(sources, indices, PairsConfig())
    sides = {
        person: {v.split for v in volumes if v.subject == person} for person in {v.subject for v in volumes}
    }
    assert len(volumes) == 120
    assert len(sides) == 60
    assert all(len(side) == 1 for side in sides.values())


def test_a_sagittal_t1_is_cut_into_the_axial_slices_of_the_head(tmp_path: Path) -> None:
    path = tmp_path / "IXI002-Guys-0828-T1.nii.gz"
    write_scan(path, 1, "T1w")
    scan = read_scan(path)
    assert nib.aff2axcodes(scan.affine) == ("P", "S", "R")
    assert scan.plane == "sagittal"
    for config in Builder.BUILDER_CONFIGS:
        slices = hr_scan(scan, dataclasses.replace(config.pairs, hr_size=64, lr_patch=16))
        assert slices.plane == "axial"
        assert slices.slices().shape == (16, 64, 64)
        assert slices.in_plane_spacing == pytest.approx((3.75, 3.75))


def _missing(manual: Path) -> str:
    with pytest.raises(ScanError) as refused:
        contrast_folders(SimpleNamespace(manual_dir=manual))
    return str(refused.value)


def test_every_missing_contrast_is_named_at_once(tmp_path: Path) -> None:
    assert "Missing: IXI-T1/ or IXI-T1.tar; IXI-T2/ or IXI-T2.tar; IXI-PD/ or IXI-PD.tar." in _missing(
        tmp_path
    )
    (tmp_path / "IXI-T2").mkdir()
    (tmp_path / "IXI-PD.tar").touch()
    assert "Missing: IXI-T1/ or IXI-T1.tar." in _missing(tmp_path)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    write_people(tmp_path)
    pack(tmp_path / "IXI-PD")
    archive = tmp_path / "IXI-PD.tar"
    archive.write_bytes(archive.read_bytes()[:1000])
    builder = Builder(data_dir=tmp_path / "data", config="paper_x2")
    with pytest.raises(ScanError, match=r"Expected tar archives\. Received: a damaged one \(.*IXI-PD\.tar"):
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=tmp_path))


@pytest.mark.parametrize("name", ["IXI002-Guys-0828-T2.nii.gz", "scan.nii", "IXI002-Guys-0828-T1 (1).nii.gz"])
def test_a_file_that_is_no_scan_of_the_contrast_is_named(tmp_path: Path, name: str) -> None:
    for folder in CONTRASTS:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"IXI002-Guys-0828-{folder.removeprefix('IXI-')}.nii.gz").touch()
    (tmp_path / "IXI-T1" / name).touch()
    with pytest.raises(ScanError, match=re.escape(f"Received: {name}. Extract IXI-T1.tar")):
        listed(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    for folder in CONTRASTS:
        (tmp_path / folder).mkdir()
    with pytest.raises(ScanError, match=r"below .*IXI-T1\. Received: none\."):
        listed(tmp_path)
