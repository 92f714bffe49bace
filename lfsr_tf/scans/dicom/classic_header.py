"""The header of a classic MR image for one frame of an enhanced multi-frame file.

A derived scan is written as classic MR images whatever its input was. An Enhanced MR image cannot be marked
SECONDARY, and a derived one may not carry the pulse sequence's attributes (PS3.3 C.8.13.3, C.8.13.4: only
ORIGINAL and MIXED ones do); a classic one keeps echo, repetition and inversion times, and every viewer places
it.
"""

from __future__ import annotations

import copy

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import MRImageStorage

from lfsr_tf.scans.dicom.multiframe import functional_group, inversion_time

# Elements of functional groups that classic images have at top level under the same name.
_SAME_NAME = {
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelValueTransformationSequence": ("RescaleType",),
    "MRTimingAndRelatedParametersSequence": ("RepetitionTime", "EchoTrainLength", "FlipAngle"),
    "MRAveragesSequence": ("NumberOfAverages",),
    "MRImagingModifierSequence": ("PixelBandwidth",),
    "MRReceiveCoilSequence": ("ReceiveCoilName",),
    "MRTransmitCoilSequence": ("TransmitCoilName",),
    "MRFOVGeometrySequence": ("PercentSampling", "PercentPhaseFieldOfView"),
    "MRDiffusionSequence": ("DiffusionBValue",),
}
# Type 2 in the MR Image module: present, empty where nothing is known.
_REQUIRED = ("ScanOptions", "MRAcquisitionType", "EchoTime", "RepetitionTime", "EchoTrainLength")
_ENHANCED_ELEMENTS = 0x9000
_MULTIFRAME_ELEMENTS = frozenset({Tag("NumberOfFrames"), Tag("PresentationLUTShape")})
_PULSES = {"SPIN": ["SE"], "GRADIENT": ["GR"], "BOTH": ["SE", "GR"]}
_SEQUENCE_NAME_LENGTH = 16


def classic_header(dataset: Dataset, frame: int) -> Dataset:
    """The header of one frame as that of a classic MR image.

    Args:
        dataset: The multi-frame file's header; not changed.
        frame: Number of the frame, from 0.

    Returns:
        Patient, study, series and equipment as they are, and the frame's place, timing and encoding at top
        level.
    """
    header = Dataset({element.tag: copy.copy(element) for element in dataset if _in_classic(element.tag)})
    for group, keywords in _SAME_NAME.items():
        item = functional_group(dataset, frame, group)
        for keyword in keywords:
            if keyword in item:
                setattr(header, keyword, item[keyword].value)
    _set_timing(header, dataset, frame)
    _set_sequence(header, dataset, frame)
    _set_encoding(header, functional_group(dataset, frame, "MRFOVGeometrySequence"))
    for keyword in _REQUIRED:
        if keyword not in header:
            setattr(header, keyword, None)
    header.SOPClassUID = MRImageStorage
    header.InstanceNumber = frame + 1
    header.file_meta = dataset.file_meta
    return header


def _in_classic(tag: BaseTag) -> bool:
    """Not functional groups, dimensions or the enhanced modules' attributes, which have high numbers."""
    enhanced = tag.group in (0x0008, 0x0018, 0x0020) and tag.element >= _ENHANCED_ELEMENTS
    frames = tag.group == 0x5200 or tag in _MULTIFRAME_ELEMENTS
    return not (enhanced or frames or tag.is_private)


def _set_timing(header: Dataset, dataset: Dataset, frame: int) -> None:
    echo = functional_group(dataset, frame, "MREchoSequence").get("EffectiveEchoTime")
    if echo is not None:
        header.EchoTime = f"{echo:g}"
    inversion = inversion_time(dataset, frame)
    if inversion is not None:
        header.InversionTime = f"{inversion:g}"
    frequency = functional_group(dataset, frame, "MRImagingModifierSequence").get("TransmitterFrequency")
    if isinstance(frequency, float):
        header.ImagingFrequency = f"{frequency:.9g}"
    content = functional_group(dataset, frame, "FrameContentSequence")
    moment = str(content.get("FrameAcquisitionDateTime") or "")
    if len(moment) >= 14:
        header.AcquisitionDate, header.AcquisitionTime = moment[:8], moment[8:].split("+")[0].split("-")[0]


def _set_sequence(header: Dataset, dataset: Dataset, frame: int) -> None:
    """Scanning Sequence and Sequence Variant in the classic terms (PS3.3 C.8.3.1)."""
    modifier = functional_group(dataset, frame, "MRModifierSequence")
    scanning = list(_PULSES.get(str(dataset.get("EchoPulseSequence")), ["RM"]))
    inversion = modifier.get("InversionRecovery") == "YES"
    if inversion:
        scanning.append("IR")
    if dataset.get("EchoPlanarPulseSequence") == "YES":
        scanning.append("EP")
    variants = {
        "SK": dataset.get("SegmentedKSpaceTraversal") not in (None, "", "SINGLE"),
        "SS": dataset.get("SteadyStatePulseSequence") not in (None, "", "NONE"),
        "SP": modifier.get("Spoiling") not in (None, "", "NONE"),
        "MP": inversion and "GR" in scanning,
    }
    header.ScanningSequence = scanning
    header.SequenceVariant = [name for name, present in variants.items() if present] or "NONE"
    header.SequenceName = str(dataset.get("PulseSequenceName") or "")[:_SEQUENCE_NAME_LENGTH]
    frame_type = functional_group(dataset, frame, "MRImageFrameTypeSequence")
    header.ImageType = frame_type.get("FrameType") or dataset.get("ImageType")


def _set_encoding(header: Dataset, geometry: Dataset) -> None:
    """Acquisition Matrix: frequency rows, frequency columns, phase rows, phase columns; two of them zero."""
    frequency = int(geometry.get("MRAcquisitionFrequencyEncodingSteps") or 0)
    phase = int(geometry.get("MRAcquisitionPhaseEncodingStepsInPlane") or 0)
    direction = str(geometry.get("InPlanePhaseEncodingDirection") or "").upper()
    if not (frequency and phase and direction in ("ROW", "COLUMN")):
        return
    by_row = direction == "ROW"
    header.InPlanePhaseEncodingDirection = "ROW" if by_row else "COL"
    header.AcquisitionMatrix = [0, frequency, phase, 0] if by_row else [frequency, 0, 0, phase]
