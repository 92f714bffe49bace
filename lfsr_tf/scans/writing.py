"""Which writer gives a scan back: the output's name decides."""

from __future__ import annotations

from pathlib import Path

from lfsr_tf.errors import OutputError
from lfsr_tf.scans.dicom.write import write_dicom
from lfsr_tf.scans.nifti import is_nifti, write_nifti
from lfsr_tf.scans.scan import Scan


def write_scan(scan: Scan, path: Path | str) -> None:
    """Write a scan as NIfTI, or as a derived DICOM series where it came from DICOM.

    Args:
        scan: Any scan for NIfTI; one that was read from DICOM for DICOM.
        path: A name ending in .nii or .nii.gz, or for DICOM a folder without suffix, which is made.

    Raises:
        OutputError: Another name, DICOM asked for a scan that has no DICOM header, or the path cannot be
            written; nothing is left behind.
    """
    path = Path(path)
    if is_nifti(path):
        write_nifti(scan, path)
    elif scan.format == "dicom" and not path.suffix:
        write_dicom(scan, path)
    else:
        raise OutputError(
            f"Expected a name ending in .nii or .nii.gz (or a folder, for a scan read from DICOM). "
            f"Received: {path} for a {scan.format} scan. Choose another name."
        )
