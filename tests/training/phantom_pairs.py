"""Records of pairs from two phantoms, one for each side."""

from pathlib import Path

from lfsr_tf.pairs import PairsConfig, prepare_dataset
from lfsr_tf.scans import phantom_scan, write_scan
from tests.lent_worker import lent_worker


def prepare_phantoms(folder: Path, config: PairsConfig, slices: int = 4) -> Path:
    """Prepare records below an empty folder; the folder of the records."""
    for name, subject in (("train", 1), ("val", 2)):
        write_scan(phantom_scan(subject, "T2w", slices=slices), folder / name / f"sub-{subject}_T2w.nii.gz")
    with lent_worker():
        prepare_dataset(folder / "train", folder / "val", folder / "records", config, workers=1)
    return folder / "records"
