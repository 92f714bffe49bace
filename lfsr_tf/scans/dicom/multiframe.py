"""Enhanced multi-frame DICOM: one file holds one or several volumes (PS3.3 C.7.6.16)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from lfsr_tf.errors import ScanError
from lfsr_tf.scans.dicom import frames as dicom_frames, pixels as dicom_pixels, protocol
from lfsr_tf.scans.dicom.files import load_dataset
from lfsr_tf.scans.dicom.frames import DicomHeader, Frame
from lfsr_tf.scans.dicom.geometry import split_volumes, volume_affine
from lfsr_tf.scans.dicom.identity import subject_of
from lfsr_tf.scans.dicom.values import number_list, positive, readable_values, values_of
from lfsr_tf.scans.scan import Scan

# Dimensions that only number the slices of one volume.
_SLICE_DIMENSIONS = frozenset(
    {Tag("InStackPositionNumber"), Tag("ImagePositionPatient"), Tag("ImageOrientationPatient")}
)


def read_multiframe(path: Path) -> list[Scan]:
    """Read one enhanced multi-frame file.

    Args:
        path: The file.

    Returns:
        One scan for each stack and, within it, for each echo, time point or other dimension.

    Raises:
        ScanError: The file is damaged, no MR image or in colour, or its frames make no regular volumes.
    """
    dataset = load_dataset(path)
    with readable_values(path):
        return _read_frames(dataset, path)


def _read_frames(dataset: Dataset, path: Path) -> list[Scan]:
    name = str(path)
    dicom_frames.check_is_mr_image(dataset, name)
    pixels = dicom_pixels.decode_pixels(dataset, name)
    dicom_pixels.drop_pixels(dataset)
    _check_frame_count(dataset, len(pixels), name)
    for index in range(len(pixels)):
        pixels[index] = dicom_pixels.rescale(pixels[index], dataset, _transformation(dataset, index))
    frames = [_frame(dataset, index, f"frame {index + 1} of {path}") for index in range(len(pixels))]
    notes = dicom_frames.reading_notes(frames, inverted=dicom_pixels.is_inverted(dataset))
    volumes = [_volume(dataset, volume, pixels, name) for volume in split_volumes(frames, name)]
    return [replace(scan, notes=notes + scan.notes) for scan in volumes]


def functional_group(dataset: Dataset, index: int, keyword: str) -> Dataset:
    """The item of a functional group that holds for a frame: its own, else the shared, else an empty one."""
    own = dataset.PerFrameFunctionalGroupsSequence[index]
    shared = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
    for group in (own, shared[0]):
        items = group.get(keyword)
        if items:
            return items[0]
    return Dataset()


def inversion_time(dataset: Dataset, index: int) -> float | None:
    """Milliseconds of a frame's first inversion; None where there is no inversion pulse."""
    modifier = functional_group(dataset, index, "MRModifierSequence")
    if modifier.get("InversionRecovery") != "YES":
        return None
    return positive(next(iter(values_of(modifier, "InversionTimes")), None))


def _check_frame_count(dataset: Dataset, decoded: int, name: str) -> None:
    groups = len(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    if groups != decoded:
        raise ScanError(
            f"Expected the place of each of {decoded} frames. Received: {groups} per-frame functional groups "
            f"in {name}. Copy the file again from the scanner."
        )


def _transformation(dataset: Dataset, index: int) -> Dataset:
    group = functional_group(dataset, index, "PixelValueTransformationSequence")
    return group if "RescaleSlope" in group else dataset


def _frame(dataset: Dataset, index: int, label: str) -> Frame:
    content = functional_group(dataset, index, "FrameContentSequence")
    measures = functional_group(dataset, index, "PixelMeasuresSequence")
    plane = functional_group(dataset, index, "PlanePositionSequence")
    row, column = dicom_frames.unit_vectors(
        functional_group(dataset, index, "PlaneOrientationSequence"), label
    )
    frame_type = functional_group(dataset, index, "MRImageFrameTypeSequence")
    words = tuple(map(str, values_of(frame_type, "FrameType") or values_of(dataset, "ImageType")))
    component = frame_type.get("ComplexImageComponent") or dataset.get("ComplexImageComponent")
    return Frame(
        index=index,
        position=number_list(plane, "ImagePositionPatient", 3, label),
        row=row,
        column=column,
        spacing=dicom_frames.pixel_spacing(measures, label),
        thickness=dicom_frames.slice_distance(measures),
        stack=str(content.get("StackID") or "1"),
        component=dicom_frames.component_of(words, component),
        traits=_traits(dataset, index, content, words),
        label=label,
    )


def _traits(dataset: Dataset, index: int, content: Dataset, words: tuple[str, ...]) -> dict[str, Hashable]:
    echo = functional_group(dataset, index, "MREchoSequence")
    diffusion = functional_group(dataset, index, "MRDiffusionSequence")
    gradient = diffusion.get("DiffusionGradientDirectionSequence") or [Dataset()]
    traits: dict[str, Hashable] = {
        "EffectiveEchoTime": echo.get("EffectiveEchoTime"),
        "TemporalPositionIndex": content.get("TemporalPositionIndex"),
        "DiffusionBValue": diffusion.get("DiffusionBValue"),
        "DiffusionGradientOrientation": str(gradient[0].get("DiffusionGradientOrientation", "")),
        "FrameType": words,
    }
    # A dimension that this list does not name still parts the volumes, by its own index.
    values = values_of(content, "DimensionIndexValues")
    for item, value in zip(dataset.get("DimensionIndexSequence") or [], values, strict=False):
        pointer = item.get("DimensionIndexPointer")
        if pointer not in _SLICE_DIMENSIONS:
            traits[f"dimension {pointer}"] = value
    return traits


def _volume(dataset: Dataset, frames: list[Frame], pixels: NDArray[np.float32], name: str) -> Scan:
    affine = volume_affine(frames, name)
    order = tuple(frame.index for frame in frames)
    voxels, notes = dicom_pixels.stack_planes([pixels[index] for index in order], (dataset,))
    geometry = functional_group(dataset, order[0], "MRFOVGeometrySequence")
    return Scan(
        voxels=voxels,
        affine=affine,
        subject=subject_of(dataset),
        contrast=_contrast(dataset, order[0]),
        format="dicom",
        slice_axis=2,
        acquired_matrix=protocol.acquired_matrix_enhanced(dataset, geometry),
        header=DicomHeader(datasets=(dataset,), frames=order, affine=affine),
        notes=notes,
    )


def _contrast(dataset: Dataset, index: int) -> str:
    texts = [
        str(dataset.get(keyword) or "")
        for keyword in ("SeriesDescription", "ProtocolName", "PulseSequenceName")
    ]
    timing = protocol.Timing(
        echo=positive(functional_group(dataset, index, "MREchoSequence").get("EffectiveEchoTime")),
        repetition=positive(
            functional_group(dataset, index, "MRTimingAndRelatedParametersSequence").get("RepetitionTime")
        ),
        inversion=inversion_time(dataset, index),
    )
    return protocol.contrast_of(texts, timing)
