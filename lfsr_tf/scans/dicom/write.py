"""Writing a derived DICOM series for a scan that was read from DICOM."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from lfsr_tf import __version__
from lfsr_tf.errors import LfsrError, OutputError, first_line
from lfsr_tf.scans.dicom import derived, quantise
from lfsr_tf.scans.dicom.classic_header import classic_header
from lfsr_tf.scans.dicom.derived import DerivedSeries
from lfsr_tf.scans.dicom.files import tolerant_parsing
from lfsr_tf.scans.dicom.frames import DicomHeader
from lfsr_tf.scans.dicom.placement import Placement, place_slices, slice_spacing_changed
from lfsr_tf.scans.dicom.values import UNREADABLE, readable_header
from lfsr_tf.scans.scan import Scan
from lfsr_tf.storage import atomic_folder


def write_dicom(scan: Scan, folder: Path | str, *, derivation: str = "") -> None:
    r"""Write a scan as a derived series of classic MR images, one file a slice.

    New series and instance UIDs, a series number and a description for each volume of the input, Image Type
    DERIVED\SECONDARY; patient, study and frame of reference are the input's, and so is the rest of the
    header, except for elements whose values cannot be decoded. The first pixel of each slice keeps its Image
    Position (Patient), and Pixel Spacing follows the affine. Pixels are unsigned 16-bit, explicit little
    endian, with one rescale slope that gives back the scan's units.

    Args:
        scan: With the header that `read_dicom` gave it; voxels [columns, rows, slices], finite.
        folder: Created; the files are IM0001.dcm, IM0002.dcm, ... in slice order. Complete or not there at
            all.
        derivation: What was done, for Derivation Description; a sentence on the matrices by default.

    Raises:
        OutputError: The scan did not come from DICOM, was turned, its header holds what cannot be written, or
            the folder cannot be.
        ScanError: A voxel is NaN or infinite.
    """
    header = scan.header
    if not isinstance(header, DicomHeader):
        raise OutputError(
            "Expected a scan that was read from DICOM, to derive a series from. Received: format "
            f"{scan.format!r}. Write it as NIfTI."
        )
    series = _identity(scan, header, derivation)
    with tolerant_parsing(), atomic_folder(folder) as temporary, _writable_values(scan):
        header = replace(header, datasets=tuple(map(readable_header, header.datasets)))
        for number, dataset in enumerate(_instances(scan, header, series), start=1):
            dataset.save_as(temporary / f"IM{number:04d}.dcm", enforce_file_format=True)


@contextmanager
def _writable_values(scan: Scan) -> Iterator[None]:
    """Make one OutputError of what pydicom raises for a value that it read and cannot write."""
    try:
        yield
    except LfsrError:
        raise
    except UNREADABLE as error:
        if fault := _fault_of_the_disk(error):
            raise fault from None
        raise OutputError(
            f"Expected a DICOM header that a series can be derived from. Received: that of {scan.source}, "
            f"with a value that cannot be written ({first_line(error).rstrip('.')}). Write NIfTI."
        ) from error


def _fault_of_the_disk(error: BaseException | None) -> OSError | None:
    """What the system said, where it did: pydicom makes errors of its own of any that it meets."""
    if error is None or (isinstance(error, OSError) and error.errno is not None):
        return error
    return _fault_of_the_disk(error.__context__)


def is_instance(path: Path) -> bool:
    """Whether a file is named as the instances that are written here."""
    return re.fullmatch(r"IM\d{4,}\.dcm", path.name) is not None


def _identity(scan: Scan, header: DicomHeader, derivation: str) -> DerivedSeries:
    old = int(header.datasets[0].Columns), int(header.datasets[0].Rows)
    new = scan.voxels.shape[:2]
    factor = new[0] / old[0]
    suffix = f"SR x{factor:g}" if new != old else "processed"
    if header.volumes > 1:
        suffix += f" volume {header.volume} of {header.volumes}"
    size = f"in-plane matrix {old[0]} x {old[1]} to {new[0]} x {new[1]}"
    return DerivedSeries(
        suffix=suffix,
        derivation=f"{derivation or size} (lfsr_tf {__version__})",
        volume=header.volume,
        volumes=header.volumes,
    )


def _instances(scan: Scan, header: DicomHeader, series: DerivedSeries) -> Iterator[Dataset]:
    """The instances of a derived series in slice order, with pixel data.

    Args:
        scan: Voxels [columns, rows, slices], in the input's orientation.
        header: Of the input.
        series: Identity of the new series.
    """
    quantisation = quantise.quantisation_of(scan.voxels)
    placements = place_slices(scan, header)
    same_slices = len(placements) == header.slices
    for number, placement in enumerate(placements):
        source, reference = _origin(header, placement.source)
        dataset = derived.derive(source, series)
        quantise.put(dataset, scan.voxels[:, :, number], quantisation)
        _set_place(dataset, placement, scan, header)
        if not same_slices or not dataset.get("InstanceNumber"):
            dataset.InstanceNumber = number + 1
        if reference is not None:
            dataset.SourceImageSequence = [reference]
        yield dataset


def _origin(header: DicomHeader, number: int) -> tuple[Dataset, Dataset | None]:
    """The header of an input slice as a classic one, and a reference to the input's pixels."""
    if not header.multiframe:
        dataset = header.datasets[number]
        return dataset, derived.source_reference(dataset)
    dataset, frame = header.datasets[0], header.frames[number]
    return classic_header(dataset, frame), derived.source_reference(dataset, frame)


def _set_place(dataset: Dataset, placement: Placement, scan: Scan, header: DicomHeader) -> None:
    between_columns, between_rows, between_slices = map(quantise.decimal, scan.voxel_sizes)
    dataset.PixelSpacing = [between_rows, between_columns]
    if placement.moved:
        position = np.asarray(dataset.ImagePositionPatient, dtype=np.float64) + placement.shift
        dataset.ImagePositionPatient = [quantise.decimal(value) for value in position]
        dataset.pop("SliceLocation", None)
    if slice_spacing_changed(scan, header):
        dataset.SliceThickness = dataset.SpacingBetweenSlices = between_slices
