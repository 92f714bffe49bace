"""Classic DICOM series: one file a slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.dicom import frames as dicom_frames, pixels as dicom_pixels, protocol
from lfsr_tf.scans.dicom.files import load_dataset
from lfsr_tf.scans.dicom.frames import DicomHeader, Frame
from lfsr_tf.scans.dicom.geometry import split_volumes, volume_affine
from lfsr_tf.scans.dicom.identity import subject_of
from lfsr_tf.scans.dicom.values import number_list, positive, readable_values, values_of
from lfsr_tf.scans.scan import Scan

# What tells volumes at the same place apart, most telling first.
_TRAIT_KEYWORDS = (
    "EchoTime",
    "EchoNumbers",
    "TemporalPositionIdentifier",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "InversionTime",
    "FlipAngle",
    "TriggerTime",
    "ImageType",
    "AcquisitionNumber",
    "AcquisitionTime",
)


def read_series(files: Sequence[Path], name: str) -> list[Scan]:
    """Read the files of one classic series.

    Args:
        files: One file a slice, in any order.
        name: The series, for error messages.

    Returns:
        One scan a volume: several for a series of several echoes, time points or b-values.

    Raises:
        ScanError: A file is damaged, no MR image or in colour, or the slices make no regular volume.
    """
    datasets: list[Dataset] = []
    pixels: list[NDArray[np.float32]] = []
    frames: list[Frame] = []
    for index, path in enumerate(files):
        dataset = load_dataset(path)
        with readable_values(path):
            dicom_frames.check_is_mr_image(dataset, str(path))
            _check_one_frame(dataset, path)
            _check_same_matrix(dataset, path, [*datasets, dataset][0], files[0])
            stored = dicom_pixels.decode_pixels(dataset, str(path))[0]
            pixels.append(dicom_pixels.rescale(stored, dataset, dataset))
            frames.append(_frame(index, dataset, path))
        dicom_pixels.drop_pixels(dataset)
        datasets.append(dataset)
    notes = dicom_frames.reading_notes(frames, inverted=dicom_pixels.is_inverted(datasets[0]))
    with readable_values(files[0]):
        volumes = [_volume(volume, datasets, pixels, name) for volume in split_volumes(frames, name)]
    return [replace(scan, notes=notes + scan.notes) for scan in volumes]


def _check_one_frame(dataset: Dataset, path: Path) -> None:
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames != 1:
        raise ScanError(
            f"Expected one slice a file or an Enhanced MR file. Received: {path} with {frames} frames of "
            f"class {UID(dataset.get('SOPClassUID') or '').name!r}. Convert the series to NIfTI (dcm2niix) "
            "and give that."
        )


def _check_same_matrix(dataset: Dataset, path: Path, first: Dataset, first_path: Path) -> None:
    expected, shape = ((each.get("Rows"), each.get("Columns")) for each in (first, dataset))
    if shape != expected:
        raise ScanError(
            f"Expected slices of one size in a series. Received: {expected[0]} x {expected[1]} in "
            f"{first_path.name} and {shape[0]} x {shape[1]} in {path}. Give a series of one matrix."
        )


def _frame(index: int, dataset: Dataset, path: Path) -> Frame:
    row, column = dicom_frames.unit_vectors(dataset, str(path))
    values = {keyword: dataset.get(keyword) for keyword in _TRAIT_KEYWORDS}
    traits = {keyword: "" if value is None else str(value) for keyword, value in values.items()}
    return Frame(
        index=index,
        position=number_list(dataset, "ImagePositionPatient", 3, str(path)),
        row=row,
        column=column,
        spacing=dicom_frames.pixel_spacing(dataset, str(path)),
        thickness=dicom_frames.slice_distance(dataset),
        component=dicom_frames.component_of(
            values_of(dataset, "ImageType"), dataset.get("ComplexImageComponent")
        ),
        traits=traits,
        label=path.name,
    )


def _volume(
    frames: list[Frame], datasets: list[Dataset], pixels: list[NDArray[np.float32]], name: str
) -> Scan:
    affine = volume_affine(frames, name)
    ordered = tuple(datasets[frame.index] for frame in frames)
    first = ordered[0]
    voxels, notes = dicom_pixels.stack_planes([pixels[frame.index] for frame in frames], ordered)
    return Scan(
        voxels=voxels,
        affine=affine,
        subject=subject_of(first),
        contrast=_contrast(first),
        format="dicom",
        slice_axis=2,
        acquired_matrix=protocol.acquired_matrix_classic(first),
        header=DicomHeader(datasets=ordered, frames=(), affine=affine),
        notes=notes,
    )


def _contrast(dataset: Dataset) -> str:
    texts = [
        str(dataset.get(keyword) or "") for keyword in ("SeriesDescription", "ProtocolName", "SequenceName")
    ]
    timing = protocol.Timing(
        echo=positive(dataset.get("EchoTime")),
        repetition=positive(dataset.get("RepetitionTime")),
        inversion=positive(dataset.get("InversionTime")),
    )
    return protocol.contrast_of(texts, timing)
