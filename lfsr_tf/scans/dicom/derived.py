"""What every derived DICOM instance has in common: its new identity, its origin, and what no longer holds."""

from __future__ import annotations

import copy
import datetime
import re
from contextlib import suppress
from dataclasses import dataclass, field

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.tag import BaseTag
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    JPEG2000MC,
    UID,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    generate_uid,
)

from lfsr_tf.errors import OutputError
from lfsr_tf.scans.dicom.values import values_of

_MANUFACTURER = "lfsr_tf"
_RESAMPLING = Code("113085", "DCM", "Spatial resampling")
_SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")
_PROCESSING = Code("109102", "DCM", "Processing Equipment")

# What speaks of the old pixel values, in old pixel coordinates, or seals the old bytes; retired doubles.
# fmt: off
_STALE = (
    "SmallestImagePixelValue", "LargestImagePixelValue", "SmallestPixelValueInSeries",
    "LargestPixelValueInSeries", "PixelPaddingValue", "PixelPaddingRangeLimit", "ModalityLUTSequence",
    "VOILUTSequence", "WindowCenterWidthExplanation", "RealWorldValueMappingSequence", "PixelAspectRatio",
    "PlanarConfiguration", "IconImageSequence", "ShutterShape", "ShutterLeftVerticalEdge",
    "ShutterRightVerticalEdge", "ShutterUpperHorizontalEdge", "ShutterLowerHorizontalEdge",
    "CenterOfCircularShutter", "RadiusOfCircularShutter", "VerticesOfThePolygonalShutter",
    "ShutterPresentationValue", "MACParametersSequence", "DigitalSignaturesSequence",
    "DataSetTrailingPadding", "ImagePosition", "ImageOrientation", "PresentationLUTShape",
)
# fmt: on
_LOSSY_SYNTAXES = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless})
# These may be reversible, too (PS3.5 A.4.4): what the file says of itself decides, and silence means lossy.
_PERHAPS_LOSSY_SYNTAXES = frozenset({JPEG2000, JPEG2000MC, HTJ2K})
_DESCRIPTION_LENGTH = 64  # LO, PS3.5 table 6.2-1
_DERIVATION_LENGTH = 1024  # ST
_LAST_SERIES_NUMBER = 2**31 - 1  # IS


@dataclass(frozen=True)
class DerivedSeries:
    """Identity of one derived series, shared by its instances.

    Attributes:
        suffix: Appended to the series description.
        derivation: What was done and by which version, for Derivation Description.
        volume: Number of the volume among those of the input's series, from 1.
        volumes: How many the input's series has.
        uid: Series Instance UID.
        created: Time of writing, with its time zone; one without is local.
    """

    suffix: str
    derivation: str
    volume: int = 1
    volumes: int = 1
    uid: str = field(default_factory=generate_uid)
    created: datetime.datetime = field(default_factory=lambda: datetime.datetime.now().astimezone())


def derive(source: Dataset, series: DerivedSeries) -> Dataset:
    """A copy of a header with a new identity and without what no longer holds.

    Patient, study, frame of reference, acquisition parameters and place in the patient stay. Acquisition
    Matrix stays too: it says what was acquired, and still does so.

    Args:
        source: A header without pixel data; it is not changed.
        series: The series to which the copy belongs.
    """
    dataset = Dataset(copy.deepcopy({element.tag: element for element in source if _may_stay(element.tag)}))
    for keyword in _STALE:
        dataset.pop(keyword, None)
    dataset.SOPInstanceUID = generate_uid()
    _set_series(dataset, series)
    _set_times(dataset, series)
    _set_origin(dataset, source, series)
    dataset.file_meta = _file_meta(dataset)
    return dataset


def _may_stay(tag: BaseTag) -> bool:
    """Not command groups, private elements, curves or overlays."""
    group = tag.group
    return group >= 0x0008 and group % 2 == 0 and not (0x5000 <= group <= 0x50FF or 0x6000 <= group <= 0x60FF)


def _set_series(dataset: Dataset, series: DerivedSeries) -> None:
    dataset.SeriesInstanceUID = series.uid
    # Two digits for the volume, and more where there are more volumes.
    step = 10 ** max(2, len(str(series.volumes)))
    number = _whole_number(dataset.get("SeriesNumber")) * step + series.volume
    dataset.SeriesNumber = number if 0 < number <= _LAST_SERIES_NUMBER else series.volume
    description = str(dataset.get("SeriesDescription") or "")
    room = _DESCRIPTION_LENGTH - len(series.suffix) - 1
    dataset.SeriesDescription = f"{description[:room]} {series.suffix}".strip()


def _whole_number(value: object) -> int:
    """A number as it should be; 0 for anything else that files have in its place (4A, two numbers)."""
    with suppress(ValueError):
        if (number := float(str(value))).is_integer():
            return int(number)
    return 0


def _set_times(dataset: Dataset, series: DerivedSeries) -> None:
    """The pixels are of now; study and acquisition keep their times.

    All times of a header are of one time zone (PS3.3 C.12.1.1.8): where it is named, the new ones are, too.
    """
    created = series.created
    offset = str(dataset.get("TimezoneOffsetFromUTC") or "").strip()
    if re.fullmatch(r"[+-]\d{4}", offset):
        with suppress(ValueError):
            created = created.astimezone(datetime.datetime.strptime(offset, "%z").tzinfo)
    date, time = created.strftime("%Y%m%d"), created.strftime("%H%M%S")
    for kind in ("InstanceCreation", "Series", "Content"):
        setattr(dataset, f"{kind}Date", date)
        setattr(dataset, f"{kind}Time", time)


def _set_origin(dataset: Dataset, source: Dataset, series: DerivedSeries) -> None:
    # MR images need a third value (PS3.3 C.8.3.1.1.1); it is OTHER where the input has none.
    kept = [str(word) for word in values_of(source, "ImageType")[2:]]
    dataset.ImageType = ["DERIVED", "SECONDARY", *(kept or ["OTHER"])]
    before = str(source.get("DerivationDescription") or "")
    dataset.DerivationDescription = f"{before}; {series.derivation}".strip("; ")[-_DERIVATION_LENGTH:]
    dataset.DerivationCodeSequence = [_code(_RESAMPLING)]
    # Once lossy, an image stays marked so for ever (PS3.3 C.7.6.1.1.5).
    if _is_lossy(source):
        dataset.LossyImageCompression = "01"
    equipment = Dataset()
    equipment.Manufacturer = _MANUFACTURER
    # No model and no version: converters take those of an item for the scanner's. The text ends with both.
    equipment.ContributionDescription = series.derivation[-_DERIVATION_LENGTH:]
    equipment.PurposeOfReferenceCodeSequence = [_code(_PROCESSING)]
    dataset.ContributingEquipmentSequence = [*dataset.get("ContributingEquipmentSequence", []), equipment]


def _is_lossy(source: Dataset) -> bool:
    syntax = source.file_meta.get("TransferSyntaxUID")
    said_lossless = str(source.get("LossyImageCompression")) == "00"
    return syntax in _LOSSY_SYNTAXES or (syntax in _PERHAPS_LOSSY_SYNTAXES and not said_lossless)


def source_reference(source: Dataset, frame: int | None = None) -> Dataset | None:
    """Item of a Source Image Sequence, or None where the input has no identity to refer to.

    Args:
        source: The input's header.
        frame: Number from 0 of the frame in a multi-frame input.
    """
    uid = UID(str(source.get("SOPInstanceUID") or ""))
    # Root 0 belongs to no one who makes images: anonymizers write it, and repeating it would spread the
    # error.
    if not uid.is_valid or uid.startswith("0.") or not source.get("SOPClassUID"):
        return None
    item = Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = uid
    if frame is not None:
        item.ReferencedFrameNumber = frame + 1
    item.SpatialLocationsPreserved = "YES"
    item.PurposeOfReferenceCodeSequence = [_code(_SOURCE_IMAGE)]
    return item


def _code(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = (
        code.value,
        code.scheme_designator,
        code.meaning,
    )
    return item


def _file_meta(dataset: Dataset) -> FileMetaDataset:
    if not dataset.get("SOPClassUID"):
        raise OutputError(
            "Expected an input with SOPClassUID to derive DICOM from. Received: none. Write NIfTI."
        )
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta
