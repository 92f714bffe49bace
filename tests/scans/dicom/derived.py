"""Derived scans and the headers that were written for them."""

from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from lfsr_tf.scans.scan import Scan


def doubled(scan: Scan) -> Scan:
    """Every in-plane sample twice, scaled so that 16-bit integers cannot hold the values."""
    slices = scan.slices().repeat(2, axis=1).repeat(2, axis=2)
    return scan.with_slices(slices * np.float32(np.pi))


def headers(folder: Path) -> list[Dataset]:
    return [dcmread(path) for path in sorted(folder.iterdir())]
