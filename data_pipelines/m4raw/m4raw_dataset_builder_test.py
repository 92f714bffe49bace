"""The builder on phantoms with M4Raw's names, layout, echo position, phases and noise."""

import dataclasses
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_pipelines.m4raw.m4raw_dataset_builder import (
    CONTRASTS,
    REPETITIONS,
    Builder,
    list_m4raw,
    repetitions_x2,
)
from data_pipelines.pairs_builder import testing
from data_pipelines.pairs_builder.configs import PairsBuilderConfig
from lfsr_tf.errors import ConfigError, ScanError
from lfsr_tf.pairs.preparing.sources import Source, volumes_of
from lfsr_tf.physics.phantom import brain_phantom

# Half of M4Raw's matrix and echo offset, the same share of lines; few slices.
MATRIX, FIRST, LAST, ECHO, SLICES = 128, 15, 112, 4, 2
SIGMA = 20.0
TRAIN, VALIDATION = ("2022061003", "2022061004"), ("2022061203",)


def write_repetition(path: Path, seed: int, contrast: str, number: int) -> None:
    """A phantom in four coils, with a phase and noise of this repetition's own, as M4Raw stores it."""
    shape, view = (MATRIX, MATRIX, SLICES), (240.0, 240.0, 12.0)
    head = np.moveaxis(brain_phantom(seed, CONTRASTS[contrast], shape=shape, field_of_view=view)[0], 2, 0)
    rows, columns = np.meshgrid(*[np.linspace(-1, 1, MATRIX)] * 2, indexing="ij")
    coils = np.stack([np.exp(1j * coil) * (1 + 0.4 * np.sin(coil + rows)) / 2 for coil in range(4)])
    images = head[:, None] * coils * np.exp(1j * number * (2 + columns))
    kspace = np.fft.fftshift(
        np.fft.fft2(np.fft.ifftshift(images, axes=(-2, -1)), norm="ortho"), axes=(-2, -1)
    )
    parts = np.random.default_rng([seed, len(contrast), number]).normal(0, SIGMA, (2, *kspace.shape))
    kspace = np.roll(kspace + parts[0] + 1j * parts[1], ECHO, axis=-2)
    kspace[..., :FIRST] = kspace[..., LAST:] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["kspace"] = kspace.astype(np.complex64)
        # Of the file, not of the person, for all that is documented.
        file.attrs.update(acquisition=f"AX{contrast}", patient_id=path.stem)


def names_of(person: str) -> list[str]:
    """The eight files of a person."""
    return [
        f"{person}_{contrast}{number:02d}.h5"
        for contrast, count in REPETITIONS.items()
        for number in range(1, count + 1)
    ]


def write_people(folder: Path) -> None:
    for side, people in (("multicoil_train", TRAIN), ("multicoil_val", VALIDATION)):
        for person in people:
            for name in names_of(person):
                contrast = name.split("_")[1][:-5]
                write_repetition(folder / side / name, int(person), contrast, int(name[-5:-3]))
    (folder / "multicoil_train" / "2022061003_GRE01.h5").write_bytes(b"left out, so never read")


def shown(builder: tfds.core.DatasetBuilder, split: str) -> set[tuple[str, str]]:
    """Who is shown in which contrast."""
    records = builder.as_dataset(split=split).as_numpy_iterator()
    return {(record["subject"].decode(), record["contrast"].decode()) for record in records}


class RepetitionsTest(testing.PairsBuilderTestCase):
    """Measured noise: LR from the first repetition, HR from the others."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar[list] = [
        PairsBuilderConfig(
            name="small_repetitions_x2",
            pairs=dataclasses.replace(
                repetitions_x2().pairs, hr_size=64, train_pairs=60, validation_pairs=30
            ),
        )
    ]
    SPLITS: ClassVar[dict] = {"train": 60, "validation": 30}

    @classmethod
    def write_scans(cls, folder: Path) -> None:
        write_people(folder)

    def _assertAsDataset(self, builder: tfds.core.DatasetBuilder) -> None:  # noqa: N802
        super()._assertAsDataset(builder)
        for split, people in (("train", TRAIN), ("validation", VALIDATION)):
            assert shown(builder, split) == {
                (person, each) for person in people for each in CONTRASTS.values()
            }
        for record in builder.as_dataset(split="train").as_numpy_iterator():
            # From 128 to 32 samples a sample keeps its noise and the image is a quarter as bright.
            assert record["sigma"] == pytest.approx(SIGMA / 4 / record["reference"], rel=0.1)
            assert record["copy"] == 0
            assert np.abs(record["hr"][::2, ::2] - record["lr"]).mean() < 0.25


class SlicesTest(testing.PairsBuilderTestCase):
    """Averages of all repetitions as whole slices: two of each contrast of each person."""

    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar[list] = [testing.small("slices_x2", hr_size=64, lr_patch=16)]
    SPLITS: ClassVar[dict] = {"train": 12, "validation": 6}

    @classmethod
    def write_scans(cls, folder: Path) -> None:
        write_people(folder)


def touch_people(folder: Path) -> None:
    for side, person in (("multicoil_train", TRAIN[0]), ("multicoil_val", VALIDATION[0])):
        (folder / side).mkdir()
        for name in names_of(person):
            (folder / side / name).touch()


def test_a_contrast_of_a_person_is_one_scan_with_its_repetitions(tmp_path: Path) -> None:
    touch_people(tmp_path)
    scans = list_m4raw(tmp_path)
    assert [(scan.split, scan.subject, scan.contrast, len(scan.repetitions)) for scan in scans] == [
        (split, person, contrast, others)
        for split, person in (("train", TRAIN[0]), ("validation", VALIDATION[0]))
        for contrast, others in (("FLAIR", 1), ("T1w", 2), ("T2w", 2))
    ]
    assert scans[1].name == "multicoil_train/2022061003_T101.h5"
    assert [Path(path).name for path in scans[1].repetitions] == ["2022061003_T102.h5", "2022061003_T103.h5"]


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match=r"Missing: multicoil_train/ .*, multicoil_val/ .*zenodo\.8056074"):
        list_m4raw(tmp_path)
    touch_people(tmp_path)
    gone = ["2022061003_FLAIR02.h5", "2022061003_T101.h5", "2022061003_T203.h5"]
    for name in gone:
        (tmp_path / "multicoil_train" / name).unlink()
    (tmp_path / "multicoil_val" / "2022061203_T102.h5").unlink()
    with pytest.raises(ScanError) as raised:
        list_m4raw(tmp_path)
    named = [
        word.strip(".,") for word in str(raised.value).split("Missing: ")[1].split(" Download")[0].split()
    ]
    assert sorted(named) == [f"multicoil_train/{name}" for name in gone] + [
        "multicoil_val/2022061203_T102.h5"
    ]


def test_a_person_on_both_sides_is_refused(tmp_path: Path) -> None:
    touch_people(tmp_path)
    for name in names_of(TRAIN[0]):
        (tmp_path / "multicoil_val" / name).touch()
    listed = list_m4raw(tmp_path)
    image = {
        "reference": 1.0,
        "hr_size": 128,
        "spacing_mm": [1, 1],
        "affine": [],
        "slices": [0],
        "capacity": [1],
    }
    labels = [{"subject": scan.subject, "contrast": scan.contrast, **image} for scan in listed]
    sources = [Source(**dataclasses.asdict(scan), sha256=scan.name) for scan in listed]
    indices = {number: {"volumes": [volume]} for number, volume in enumerate(labels)}
    with pytest.raises(ConfigError, match=f"every subject on one side only. Received: {TRAIN[0]}"):
        volumes_of(sources, indices, repetitions_x2().pairs)
