"""Scanner files in and out: every reader gives a `Scan`, every writer takes one."""

from lfsr_tf.scans.geometry import Plane, voxel_to_world
from lfsr_tf.scans.phantom import phantom_scan
from lfsr_tf.scans.reading import find_scans, is_series, read_scan, read_volumes, scan_files
from lfsr_tf.scans.scan import Scan
from lfsr_tf.scans.writing import write_scan

__all__ = [
    "Plane",
    "Scan",
    "find_scans",
    "is_series",
    "phantom_scan",
    "read_scan",
    "read_volumes",
    "scan_files",
    "voxel_to_world",
    "write_scan",
]
