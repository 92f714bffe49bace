"""M4Raw (https://doi.org/10.5281/zenodo.8056074) as LR/HR pairs: brains at 0.3 T, each slice measured again.

A file holds the k-space of one repetition: `2022061003_T102.h5` is the second repetition of the T1 of person
2022061003, 18 slices, 4 coils, 256 x 195 samples filled with zeros to 256 x 256. T1 and T2 have three
repetitions, FLAIR two: eight files a person, 1,024 of 128 people in `multicoil_train`, 240 of 30 others in
`multicoil_val` (Lyu et al., Scientific Data 10, 2023, doi:10.1038/s41597-023-02181-4).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from data_pipelines.pairs_builder.builder import PairsBuilder
from data_pipelines.pairs_builder.configs import PairsBuilderConfig, standard_configs
from lfsr_tf.errors import ScanError
from lfsr_tf.pairs.config import load_preset
from lfsr_tf.pairs.preparing.listing import Listed, repetitions_of

FOLDERS = {"multicoil_train": "train", "multicoil_val": "validation"}
"""The side of each folder's people; they are M4Raw's own sides."""

CONTRASTS = {"T1": "T1w", "T2": "T2w", "FLAIR": "FLAIR"}
REPETITIONS = {"T1": 3, "T2": 3, "FLAIR": 2}
"""How often each contrast was measured."""

RECORD = "https://doi.org/10.5281/zenodo.8056074"

_FILE = re.compile(r"(?P<person>\d+)_(?P<contrast>T1|T2|FLAIR)(?P<number>0[1-9])\.h5")


def repetitions_x2() -> PairsBuilderConfig:
    """Pairs whose noise was measured, as many as the paper has: 27 or 28 patches of a training slice."""
    pairs = dataclasses.replace(load_preset("paper"), pairing="repetitions", noise_copies=1)
    return PairsBuilderConfig(
        name="repetitions_x2",
        description="190,000 and 10,000 pairs of patches with measured noise: LR 16 x 16 from one "
        "repetition, HR 32 x 32 from the average of the others.",
        pairs=pairs,
    )


class Builder(PairsBuilder):
    """Builds pairs from M4Raw's k-space.

    HR of the standard configurations is the average of all repetitions, from which LR is simulated. Where
    `repetitions_x2` measures LR in one repetition, HR is the average of the others, so that the noise of the
    two is independent: of an average with the input's own noise in it a network would learn to keep that.

    The test, motion and gradient echo sets are not used.
    """

    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Download M4RawV1.5_multicoil_train.zip and M4RawV1.5_multicoil_val.zip from {RECORD}
    and extract both in the manual folder, which gives `multicoil_train/` and `multicoil_val/`. Whoever wants
    fewer people leaves out all eight files of a person.
    """
    BUILDER_CONFIGS = [*standard_configs(), repetitions_x2()]  # noqa: RUF012

    def _listed(self, dl_manager: tfds.download.DownloadManager) -> Sequence[Listed]:
        return list_m4raw(Path(dl_manager.manual_dir))


def list_m4raw(folder: Path) -> list[Listed]:
    """The acquisitions below the manual folder, one entry for all repetitions of a contrast of a person.

    Files with other names, gradient echo scans among them, are left out.

    Raises:
        ScanError: Folders or repetitions are missing; all of them are named.
    """
    missing = [what for name in FOLDERS for what in _missing(folder / name)]
    if missing:
        raise ScanError(
            f"Expected M4Raw in {folder}, of each person three repetitions of T1 and T2 and two of FLAIR. "
            f"Missing: {', '.join(missing)}. Download {RECORD} and extract it there, or remove all files of "
            "a person."
        )
    return repetitions_of(listed for name in FOLDERS for listed in _files(folder / name))


def _files(folder: Path) -> Iterator[Listed]:
    for path in sorted(folder.glob("*.h5")):
        if found := _FILE.fullmatch(path.name):
            yield Listed(
                name=f"{folder.name}/{path.name}",
                path=str(path),
                split=FOLDERS[folder.name],
                subject=found["person"],
                contrast=CONTRASTS[found["contrast"]],
            )


def _missing(folder: Path) -> Iterator[str]:
    people = sorted({listed.subject for listed in _files(folder)})
    if not people:
        yield f"{folder.name}/ (no files such as 2022061003_T101.h5)"
    for person in people:
        for contrast, count in REPETITIONS.items():
            names = (f"{person}_{contrast}{number:02d}.h5" for number in range(1, count + 1))
            yield from (f"{folder.name}/{name}" for name in names if not (folder / name).is_file())
