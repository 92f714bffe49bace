"""What the tests of all builders share: phantoms on disk, and tensorflow-datasets' test case made to fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import nibabel as nib
import tensorflow_datasets as tfds

from data_pipelines.pairs_builder import builder
from data_pipelines.pairs_builder.configs import PairsBuilderConfig, standard_configs
from lfsr_tf.scans.phantom import phantom_scan


def write_phantom(path: Path, seed: int, contrast: str = "T1w", *, slices: int = 3) -> Path:
    """A phantom of 192 x 192 pixels as NIfTI; another seed is another person."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scan = phantom_scan(seed, contrast, slices=slices)
    nib.save(nib.Nifti1Image(scan.voxels, scan.affine), path)
    return path


def small(name: str, **settings: Any) -> PairsBuilderConfig:
    """A standard configuration that asks for few pairs, under a name of its own."""
    config = next(config for config in standard_configs() if config.name == name)
    pairs = dataclasses.replace(config.pairs, **settings)
    return PairsBuilderConfig(name=f"small_{name}", description=config.description, pairs=pairs)


class PairsBuilderTestCase(tfds.testing.DatasetBuilderTestCase):
    """tensorflow-datasets' own test of a builder, on scans that `write_scans` makes.

    Pipelines run in this process: what is tested is the builder, and starting workers takes longer than its
    work.
    """

    # Workers map arrays into memory, which a file object cannot give.
    MOCK_OUT_FORBIDDEN_OS_FUNCTIONS = False

    @classmethod
    def write_scans(cls, folder: Path) -> None:
        """Make the manual folder."""
        raise NotImplementedError

    @classmethod
    def setUpClass(cls) -> None:
        """Make the scans where tensorflow-datasets looks for them."""
        scans = TemporaryDirectory(prefix="scans-")
        cls.addClassCleanup(scans.cleanup)
        cls.EXAMPLE_DIR = scans.name
        cls.write_scans(Path(scans.name))
        super().setUpClass()

    def setUp(self) -> None:
        """Keep Beam in this process."""
        in_memory = ["--direct_running_mode=in_memory"]
        patch = mock.patch.object(builder, "words_of", lambda options: in_memory)
        patch.start()
        self.addCleanup(patch.stop)
        super().setUp()
