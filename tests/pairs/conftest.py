"""Small heads on disk, and the records made from them."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest

from lfsr_tf.pairs import PairsConfig, prepare_dataset
from tests.lent_worker import lent_worker

Writer = Callable[..., Path]
SMALL = {"hr_size": 32, "lr_patch": 8, "patches_per_slice": 6, "shard_mebibytes": 1}


def head_volume(seed: int, shape: tuple[int, int, int] = (40, 48, 6)) -> np.ndarray:
    """An ellipsoid with texture on an empty background, float32, of arbitrary units."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    inside = (x / 0.8) ** 2 + (y / 0.9) ** 2 + (z / 2.0) ** 2 < 1
    waves = sum(np.cos(rng.uniform(-9, 9) * x + rng.uniform(-9, 9) * y + rng.uniform(0, 6)) for _ in range(6))
    return (inside * (600 + 60 * waves)).astype(np.float32)


def write_head(
    path: Path, seed: int, voxels: tuple[float, float, float] = (2.0, 2.0, 5.0), **volume: object
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(head_volume(seed, **volume), np.diag([*voxels, 1.0])), path)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def first_shard(folder: Path) -> Path:
    return sorted(folder.glob("pairs-train-*"))[0]


@dataclass(frozen=True)
class Scans:
    train: Path
    validation: Path


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Scans:
    """Three training subjects, one of them with two contrasts, and one for validation."""
    folder = tmp_path_factory.mktemp("scans")
    write_head(folder / "train" / "sub-01_T1w.nii.gz", 1)
    write_head(folder / "train" / "sub-02_T1w.nii.gz", 2)
    write_head(folder / "train" / "sub-02_T2w.nii.gz", 3)
    write_head(folder / "train" / "sub-03_FLAIR.nii.gz", 4, shape=(48, 36, 5))
    write_head(folder / "val" / "sub-11_T1w.nii.gz", 5)
    return Scans(folder / "train", folder / "val")


@pytest.fixture(scope="session")
def pairs_records(scans: Scans, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fixed pairs of LR 8 x 8 / HR 16 x 16."""
    folder = tmp_path_factory.mktemp("records") / "pairs"
    with lent_worker():
        prepare_dataset(scans.train, scans.validation, folder, PairsConfig(**SMALL), workers=1)
    return folder


@pytest.fixture(scope="session")
def slices_records(scans: Scans, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HR slices of 32 x 32."""
    folder = tmp_path_factory.mktemp("records") / "slices"
    with lent_worker():
        prepare_dataset(scans.train, scans.validation, folder, PairsConfig(mode="slices", **SMALL), workers=1)
    return folder


@pytest.fixture
def damaged(pairs_records: Path, tmp_path: Path) -> Path:
    """A copy of the pairs, to be damaged."""
    return Path(shutil.copytree(pairs_records, tmp_path / "records"))


@pytest.fixture
def lent() -> Iterator[None]:
    """The preparations of the test share one worker with those of other tests."""
    with lent_worker():
        yield


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Write k-space under one of M4Raw's names."""

    def make(kspace: np.ndarray, name: str = "2022061003_T101.h5", **attributes: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            file["kspace"] = kspace.astype(np.complex64)
            file.attrs.update(attributes)
        return path

    return make
