"""Scans of a few people, a small configuration, and builds of it on any runner."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import tensorflow_datasets as tfds
from apache_beam.options.pipeline_options import PipelineOptions

from data_pipelines.low_field_sr import Builder
from data_pipelines.pairs_builder.configs import PairsBuilderConfig
from lfsr_tf.pairs import PairsConfig

SMALL = PairsConfig(
    hr_size=32, lr_patch=8, train_pairs=500, validation_pairs=60, noise_copies=3, shard_mebibytes=1
)


def write_scan(path: Path, seed: int, slices: int = 5) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.mgrid[-1:1:40j, -1:1:44j]
    head = (x / 0.8) ** 2 + (y / 0.9) ** 2 < 1
    voxels = head[..., None] * (rng.uniform(300, 900, (40, 44, slices)))
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels.astype(np.float32), np.diag([2.0, 2.0, 5.0, 1.0])), path)


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people with several contrasts train, one validates."""
    folder = tmp_path_factory.mktemp("scans")
    names = ["sub-1_T1w", "sub-1_T2w", "sub-2_T1w", "sub-2_FLAIR", "sub-3_T1w"]
    for seed, name in enumerate(names):
        write_scan(folder / "train" / f"{name}.nii.gz", seed)
    write_scan(folder / "validation" / "sub-4_T1w.nii.gz", 9)
    return folder


def workers_of(process: int) -> list[int]:
    """Beam's workers of a process that leads a session of its own."""
    words = ["pgrep", "-s", str(process), "-f", r"^\S*python\S* -m data_pipelines.running.worker$"]
    found = subprocess.run(words, capture_output=True, text=True)
    return [int(word) for word in found.stdout.split()]


def small_builder(data_dir: Path, **settings: Any) -> Builder:
    """The builder with a configuration of its own."""
    return Builder(data_dir=data_dir, config=PairsBuilderConfig(name="small", pairs=SMALL), **settings)


@pytest.fixture(scope="session")
def build() -> Callable[[Path, Path, Sequence[str]], Builder]:
    """Build the small configuration with Beam's options."""

    def built(scans: Path, data_dir: Path, options: Sequence[str] = ()) -> Builder:
        builder = small_builder(data_dir)
        beam_options = PipelineOptions(list(options)) if options else None
        config = tfds.download.DownloadConfig(manual_dir=scans, beam_options=beam_options)
        builder.download_and_prepare(download_config=config)
        return builder

    return built
