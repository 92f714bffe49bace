"""The configurations of the data sets: what changes the bytes of the records, and nothing else."""

from __future__ import annotations

import dataclasses

import tensorflow_datasets as tfds

from lfsr_tf.pairs.config import PairsConfig, load_preset


@dataclasses.dataclass(eq=False, kw_only=True)
class PairsBuilderConfig(tfds.core.BuilderConfig):
    """A configuration by name.

    Attributes:
        pairs: How scans become records, as for `lfsr prepare`.
    """

    pairs: PairsConfig = dataclasses.field(default_factory=PairsConfig)


def standard_configs() -> list[PairsBuilderConfig]:
    """The configurations that every data set has; the first one is the default."""
    paper = load_preset("paper")
    return [
        PairsBuilderConfig(
            name="paper_x2",
            description="The paper's 190,000 and 10,000 pairs of patches: LR 16 x 16, HR 32 x 32.",
            pairs=paper,
        ),
        PairsBuilderConfig(
            name="slices_x2",
            description="Whole HR slices of 128 x 128; noise and patches are drawn while training.",
            pairs=load_preset("best"),
        ),
        PairsBuilderConfig(
            name="x4",
            description="190,000 and 10,000 pairs of patches at a quarter of the resolution: LR 16 x 16, "
            "HR 64 x 64.",
            pairs=dataclasses.replace(paper, scale=4),
        ),
    ]
