"""The pairs of prepare.py by the tensorflow-datasets builder on Beam's local runner. Run by prepare.py.

Command: python benchmarks/beam_prepare.py SCANS OUTPUT --slices 1000 --workers 2
What `tfds build` does, with a configuration of the same 40 pairs a slice as elsewhere. The records are those
of tensorflow-datasets, which reads them without lfsr_tf.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions

from data_pipelines.low_field_sr.low_field_sr_dataset_builder import Builder
from data_pipelines.pairs_builder.configs import PairsBuilderConfig
from lfsr_tf.pairs.config import load_preset


def build(scans: Path, output: Path, pairs: int, workers: int) -> None:
    """Build the data set below `output`, all subjects for training."""
    settings = dataclasses.replace(
        load_preset("paper"), noise_copies=1, train_pairs=pairs, validation_pairs=0, validation_fraction=0.0
    )
    config = PairsBuilderConfig(name="measured", description="Pairs of prepare.py.", pairs=settings)
    options = PipelineOptions(["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"])
    download = tfds.download.DownloadConfig(manual_dir=str(scans), beam_options=options)
    Builder(config=config, data_dir=output).download_and_prepare(download_config=download)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scans", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--slices", type=int, required=True)
    parser.add_argument("--pairs-per-slice", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    pairs = arguments.slices * arguments.pairs_per_slice
    build(arguments.scans, arguments.output, pairs, arguments.workers)


if __name__ == "__main__":
    main()
