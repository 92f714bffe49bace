"""Minimal DICOM data sets, valid for dciodvfy, that a test changes as it needs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from scipy.spatial.transform import Rotation

from lfsr_tf.scans.dicom.read import read_dicom
from lfsr_tf.scans.dicom.write import write_dicom
from lfsr_tf.scans.scan import Scan
from tests.scans.dicom.derived import doubled

Edit = Callable[[Dataset, int], None]

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def oblique(seed: int) -> tuple[float, ...]:
    """Six direction cosines of a random plane."""
    turned = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    return tuple(np.round(np.concatenate([turned[:, 0], turned[:, 1]]), 9).tolist())


def volume(slices: int = 5, rows: int = 24, columns: int = 20) -> np.ndarray:
    """uint16 [slices, rows, columns] in which every voxel differs from its neighbours."""
    values = np.random.default_rng(3).integers(1, 3000, size=(slices, rows, columns))
    return values.astype(np.uint16)


def patient_and_study(dataset: Dataset) -> None:
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "subject-7"
    dataset.PatientBirthDate, dataset.PatientSex = "19700101", "F"
    dataset.StudyInstanceUID, dataset.StudyID = "1.2.826.0.1.3680043.8.498.1", "1"
    dataset.FrameOfReferenceUID = "1.2.826.0.1.3680043.8.498.3"
    dataset.SeriesInstanceUID, dataset.SeriesNumber = "1.2.826.0.1.3680043.8.498.2", 4
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "20200102", "101112", ""
    dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = "20200102"
    dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = "101112"
    dataset.ReferringPhysicianName = dataset.PositionReferenceIndicator = ""
    dataset.Modality, dataset.Manufacturer, dataset.SeriesDescription = "MR", "Made up", "t1_se_tra"
    dataset.BodyPartExamined, dataset.PatientPosition = "BRAIN", "HFS"
    dataset.DeviceSerialNumber, dataset.ManufacturerModelName, dataset.SoftwareVersions = "1", "Model", "1"


def image_module(dataset: Dataset, pixels: np.ndarray) -> None:
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, int(pixels.dtype.kind == "i")
    dataset.add_new("PixelData", "OW", pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())


def file_meta(dataset: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def classic_slice(pixels: np.ndarray) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, generate_uid()
    patient_and_study(dataset)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = "SE", "NONE", ""
    dataset.MRAcquisitionType, dataset.EchoTrainLength = "2D", 1
    dataset.RepetitionTime, dataset.EchoTime = 500, 15
    dataset.AcquisitionNumber = 1
    image_module(dataset, pixels)
    dataset.file_meta = file_meta(dataset)
    return dataset


def cosines_to_normal(orientation: Sequence[float]) -> np.ndarray:
    return np.cross(orientation[:3], orientation[3:])


@pytest.fixture
def write_series(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a volume [slices, rows, columns] as a classic series and returns its folder."""

    def write(
        pixels: np.ndarray | None = None,
        *,
        name: str = "series",
        orientation: Sequence[float] = AXIAL,
        origin: Sequence[float] = (-30.0, -40.0, 12.0),
        spacing: Sequence[float] = (1.5, 0.75),
        step: float = 4.0,
        edit: Edit | None = None,
        prefix: str = "",
        **save: Any,
    ) -> Path:
        pixels = volume() if pixels is None else pixels
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, plane in enumerate(pixels):
            dataset = classic_slice(plane)
            position = np.asarray(origin) + number * step * cosines_to_normal(orientation)
            dataset.ImagePositionPatient = [f"{value:.9g}" for value in position]
            dataset.ImageOrientationPatient = list(orientation)
            dataset.PixelSpacing, dataset.SliceThickness = list(spacing), 3
            dataset.InstanceNumber = number + 1
            if edit is not None:
                edit(dataset, number)
            dataset.save_as(folder / f"{prefix}{number:03d}.dcm", enforce_file_format=True, **save)
        return folder

    return write


def _item(**values: Any) -> list[Dataset]:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return [dataset]


def shared_groups(orientation: Sequence[float], spacing: Sequence[float]) -> Dataset:
    shared = Dataset()
    shared.PixelMeasuresSequence = _item(PixelSpacing=list(spacing), SliceThickness=3)
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=list(orientation))
    shared.MRTimingAndRelatedParametersSequence = _item(RepetitionTime=500, FlipAngle=90, EchoTrainLength=1)
    shared.MRFOVGeometrySequence = _item(
        InPlanePhaseEncodingDirection="COLUMN",
        MRAcquisitionFrequencyEncodingSteps=16,
        MRAcquisitionPhaseEncodingStepsInPlane=12,
        PercentSampling=100,
        PercentPhaseFieldOfView=100,
    )
    return shared


def frame_groups(position: np.ndarray, place: int, time: int, echo: float) -> Dataset:
    frame = Dataset()
    frame.FrameContentSequence = _item(
        StackID="1",
        InStackPositionNumber=place,
        TemporalPositionIndex=time,
        DimensionIndexValues=[1, place, time],
    )
    frame.PlanePositionSequence = _item(ImagePositionPatient=[f"{value:.9g}" for value in position])
    frame.MREchoSequence = _item(EffectiveEchoTime=echo)
    frame.MRImageFrameTypeSequence = _item(
        FrameType=["ORIGINAL", "PRIMARY", "M", "NONE"], ComplexImageComponent="MAGNITUDE"
    )
    frame.PixelValueTransformationSequence = _item(RescaleSlope=1, RescaleIntercept=0, RescaleType="US")
    return frame


@pytest.fixture
def write_multiframe(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes volumes [volumes, slices, rows, columns] as one enhanced file and returns it."""

    def write(
        volumes: np.ndarray | None = None,
        *,
        name: str = "enhanced.dcm",
        orientation: Sequence[float] = AXIAL,
        origin: Sequence[float] = (-30.0, -40.0, 12.0),
        spacing: Sequence[float] = (1.5, 0.75),
        step: float = 4.0,
        edit: Callable[[Dataset], None] | None = None,
    ) -> Path:
        volumes = volume()[None] if volumes is None else volumes
        dataset = Dataset()
        dataset.SOPClassUID, dataset.SOPInstanceUID = EnhancedMRImageStorage, generate_uid()
        patient_and_study(dataset)
        dataset.ImageType, dataset.InstanceNumber = ["ORIGINAL", "PRIMARY", "M", "NONE"], 1
        dataset.EchoPulseSequence, dataset.PulseSequenceName = "SPIN", "se2d1"
        dataset.SharedFunctionalGroupsSequence = [shared_groups(orientation, spacing)]
        dataset.PerFrameFunctionalGroupsSequence = [
            frame_groups(
                np.asarray(origin) + place * step * cosines_to_normal(orientation), place + 1, time + 1, 15.0
            )
            for time in range(volumes.shape[0])
            for place in range(volumes.shape[1])
        ]
        image_module(dataset, volumes.reshape(-1, *volumes.shape[-2:]))
        dataset.NumberOfFrames = volumes.shape[0] * volumes.shape[1]
        dataset.file_meta = file_meta(dataset)
        if edit is not None:
            edit(dataset)
        dataset.save_as(tmp_path / name, enforce_file_format=True)
        return tmp_path / name

    return write


@pytest.fixture
def plane_of() -> Callable[[int], tuple[float, ...]]:
    """Direction cosines of a random oblique plane, by seed."""
    return oblique


@pytest.fixture
def pixels() -> np.ndarray:
    """uint16 [5, 24, 20]: slices, rows, columns."""
    return volume()


@pytest.fixture(params=["series", "multiframe"])
def written(
    request: pytest.FixtureRequest,
    write_series: Callable[..., Path],
    write_multiframe: Callable[..., Path],
    plane_of: Callable[[int], tuple[float, ...]],
    tmp_path: Path,
) -> tuple[Scan, Scan, Path]:
    """A scan of an oblique series or multi-frame file, its doubled form, and the folder that was written."""
    write = write_series if request.param == "series" else write_multiframe
    scan = read_dicom(write(orientation=plane_of(8)))[0]
    enhanced = doubled(scan)
    write_dicom(enhanced, tmp_path / "out")
    return scan, enhanced, tmp_path / "out"
