"""An exported model, archives of small phantom scans, and ways to run the pipeline on them."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage
from typer.testing import CliRunner, Result

from data_pipelines.archive.command import app
from lfsr_tf.error_model import INTERPOLATED, KNOWN, ErrorModel
from lfsr_tf.networks import ModelInfo, TrainedModel, build_network, save_model
from lfsr_tf.scans import phantom_scan, write_scan
from lfsr_tf.serving import export_model

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def trained() -> TrainedModel:
    """A network whose every weight is random, so that every layer counts."""
    settings = {"blocks": 1, "filters": 4}
    model = build_network("ResidualSR", **settings)
    generator = np.random.default_rng(3)
    model.set_weights(
        [generator.normal(0, 0.2, weight.shape).astype(np.float32) for weight in model.get_weights()]
    )
    expected_error = {KNOWN: ErrorModel(20.0, 0.5, 1e-4), INTERPOLATED: ErrorModel(30.0, 0.5, 1e-4)}
    known = {"sigma_range": (0.0, 0.08), "expected_error": expected_error}
    return TrainedModel(model, ModelInfo("tiny", "ResidualSR", settings, 2, **known))


@pytest.fixture(scope="session")
def run_folder(trained: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as training leaves it."""
    folder = tmp_path_factory.mktemp("run")
    save_model(trained.model, trained.info, folder / "best.keras")
    return folder


@pytest.fixture(scope="session")
def exported(trained: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as `lfsr export` writes it."""
    base = tmp_path_factory.mktemp("models")
    return export_model(trained, base, warm_up=(), check=False).parent


def phantoms(folder: Path, count: int) -> list[Path]:
    """Scans of 4 slices of 32 x 32 with noise, no two the same, in folders of 20."""
    heads = [phantom_scan(seed, "T2w", matrix=32, slices=4) for seed in range(3)]
    generator = np.random.default_rng(0)
    paths = []
    for number in range(count):
        head = heads[number % 3]
        noise = generator.normal(0, 0.03 * head.voxels.max(), (*head.voxels.shape, 2)) @ [1, 1j]
        voxels = np.abs(head.voxels + noise).astype(np.float32)
        path = folder / f"site{number // 20}" / f"sub-{number:03d}_T2w.nii.gz"
        write_scan(replace(head, voxels=voxels), path)
        paths.append(path)
    return paths


@pytest.fixture
def make_phantoms() -> Callable[[Path, int], list[Path]]:
    return phantoms


@pytest.fixture
def run_here() -> Iterator[Callable[..., Result]]:
    """The command in this process, without workers of its own; an LfsrError is the result's exception."""
    before = dict(os.environ)

    def run(*words: object) -> Result:
        arguments = [*map(str, words), "--direct_running_mode=in_memory"]
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})

    yield run
    # A worker allows TensorFlow one thread; the tests that come next are no workers.
    os.environ.clear()
    os.environ.update(before)


def start(*words: object) -> subprocess.Popen[str]:
    """The command in a process of its own, with its workers, as a user starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "data_pipelines.archive", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )


@pytest.fixture
def start_command() -> Callable[..., subprocess.Popen[str]]:
    return start


def hashes(folder: Path) -> dict[str, str]:
    """Names and contents of every file, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def hashes_below() -> Callable[[Path], dict[str, str]]:
    return hashes


@pytest.fixture
def make_series() -> Callable[[Path], None]:
    """Write a DICOM series of three slices of 24 x 24 into a folder."""

    def make(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(3).integers(1, 3000, (3, 24, 24)).astype("<u2")
        for number, image in enumerate(pixels):
            dataset = dicom_slice(image, number)
            dataset.save_as(folder / f"{number}.dcm", enforce_file_format=True)

    return make


def dicom_slice(pixels: np.ndarray, number: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, f"1.2.3.{number + 1}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.Modality = "1.2.4", "1.2.5", "MR"
    dataset.FrameOfReferenceUID, dataset.PatientID, dataset.PatientName = "1.2.6", "subject-7", "Doe"
    dataset.SeriesDescription, dataset.SeriesNumber, dataset.InstanceNumber = "t1_se_tra", 4, number + 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelSpacing, dataset.SliceThickness = [2, 2], 4
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [0, 0, 4 * number]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset
