"""`python -m studies.real_pictures`: 0.055 T scans, what the models make of them, and 3 T beside them.

The scans of one patient show the same level but are not registered: they are looked at, no figure compares
them. The k-space files say nothing of how the patient lay; their pictures are turned to match those at 3 T.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lfsr_tf.inference import Enhancer
from lfsr_tf.models import load_model
from lfsr_tf.physics.intensity import reference_intensity
from lfsr_tf.physics.sampling import zero_fill_magnitude
from lfsr_tf.scans import read_scan
from lfsr_tf.scans.hanging import hanging
from studies.figures import gallery
from studies.plan import FOLDER

PATIENTS = ("hkuF6A", "hkuF7A")
CONTRASTS = ("T1", "T2", "FLAIR")
MODELS = ("fast", "best")
LOW_FIELD = "0.055 T"
# The scans have four slices.
SHOWN = 1


def main() -> None:
    """Write `docs/studies/real_scans_<patient>.png`."""
    parser = argparse.ArgumentParser(prog="python -m studies.real_pictures", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="has lowfield_dev/")
    parser.add_argument("--docs", type=Path, default=FOLDER.parent / "docs" / "studies")
    options = parser.parse_args()
    enhancers = {name: Enhancer(load_model(name)) for name in MODELS}
    for patient in PATIENTS:
        rows = {
            contrast: _row(options.data / "lowfield_dev", patient, contrast, enhancers)
            for contrast in CONTRASTS
        }
        gallery(rows, options.docs / f"real_scans_{patient}.png", square=(LOW_FIELD, *MODELS))


def _row(
    folder: Path, patient: str, contrast: str, enhancers: dict[str, Enhancer]
) -> dict[str, NDArray[np.float32]]:
    low = read_scan(folder / f"{patient}_LF055T_{contrast}_kspace_fastmri_layout.h5")
    height, width = low.slices().shape[1:]
    images = {LOW_FIELD: np.asarray(zero_fill_magnitude(low.slices(), (2 * height, 2 * width)))}
    images |= {name: enhance(low).scan.slices() for name, enhance in enhancers.items()}
    high = read_scan(folder / f"{patient}_HF3T_{contrast}.nii.gz")
    shown = {name: _normalised(stack)[::-1] for name, stack in images.items()}
    return {**shown, "3 T": hanging(high).turned(_normalised(high.slices()))}


def _normalised(stack: NDArray[np.float32]) -> NDArray[np.float32]:
    """One slice, 1 being the stack's reference intensity."""
    return np.asarray(stack[min(SHOWN, len(stack) - 1)] / float(reference_intensity(stack)), np.float32)


if __name__ == "__main__":
    main()
