"""What tfds.load yields, in Keras' fit: as lfsr_tf's own pipeline has it, and built from real scans."""

import itertools
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import data_pipelines.low_field_sr  # noqa: F401  makes the name known
from data_pipelines.pairs_builder.training_pairs import training_pairs, validation_pairs
from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs import (
    PairsConfig,
    PipelineConfig,
    open_dataset,
    prepare_dataset,
    read_records,
    steps_per_epoch,
    training_data,
    validation_data,
)
from tests.lent_worker import lent_worker
from tests.shell import run_shell

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


EVERYTHING = {"with_sigma": True, "noise_level": True}


@pytest.fixture(scope="module")
def records(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slices of 32 x 32 as `lfsr prepare` makes them."""
    folder = tmp_path_factory.mktemp("records") / "slices"
    config = PairsConfig(mode="slices", hr_size=32, lr_patch=8, patches_per_slice=6)
    with lent_worker():
        prepare_dataset(scans / "train", scans / "validation", folder, config, workers=1)
    return folder


def side(records: Path, name: str) -> tuple[tf.data.Dataset, SimpleNamespace]:
    """What `tfds.load` gives of the same records."""
    read = list(read_records(records, name))
    slices = {"hr": np.stack([one["hr"] for one in read])[..., None], "key": [one["key"] for one in read]}
    settings = SimpleNamespace(
        metadata={"config": open_dataset(records).config.to_json()}, full_name="low_field_sr/slices_x2/1.0.0"
    )
    return tf.data.Dataset.from_tensor_slices(slices), settings


def stream(batches: tf.data.Dataset, count: int | None = None) -> list[tuple[np.ndarray, ...]]:
    return [pair for batch in itertools.islice(batches, count) for pair in zip(*batch, strict=True)]


def assert_equal(some: list[tuple[np.ndarray, ...]], others: list[tuple[np.ndarray, ...]]) -> None:
    for one, other in zip(some, others, strict=True):
        for part, twin in zip(one, other, strict=True):
            np.testing.assert_allclose(part, twin, atol=1e-6)


def test_validation_pairs_are_those_of_validation_data_every_time(records: Path) -> None:
    slices, info = side(records, "validation")
    pairs = validation_pairs(slices, info, 4, **EVERYTHING)
    expected = validation_data(records, 4, **EVERYTHING)
    assert pairs.cardinality() == expected.cardinality()
    assert pairs.element_spec == expected.element_spec
    for _ in range(2):
        assert_equal(stream(pairs), stream(expected))
    assert_equal(stream(validation_pairs(slices, info, 4, batches=2, **EVERYTHING)), stream(expected, 2))
    with pytest.raises(ConfigError, match="batches to be a whole number of at least 1"):
        validation_pairs(slices, info, 4, batches=0)


def test_every_pass_has_the_pairs_of_training_data(records: Path) -> None:
    def ordered(batches: tf.data.Dataset) -> list[tuple[np.ndarray, ...]]:
        # A batch a pass; no two pairs have one gain.
        return [pair for _ in range(2) for pair in sorted(stream(batches.take(1)), key=lambda pair: pair[2])]

    count = steps_per_epoch(records, 1)
    pairs = training_pairs(*side(records, "train"), count, seed=3, **EVERYTHING)
    expected = training_data(records, count, seed=3, **EVERYTHING)
    assert pairs.element_spec == expected.element_spec
    assert_equal(ordered(pairs), ordered(expected))
    assert_equal(ordered(pairs.skip(1)), ordered(expected.skip(1)))


def test_a_resumed_epoch_of_pairs_is_the_one_that_an_uninterrupted_run_has(records: Path) -> None:
    slices, info = side(records, "train")
    pairs, batch = steps_per_epoch(records, 1), 7
    steps, options = pairs // batch, PipelineConfig(shuffle_patches=20)
    assert pairs % batch
    whole = training_pairs(slices, info, batch, options=options)
    resumed = training_pairs(slices, info, batch, first_epoch=2, options=options)
    assert_equal(stream(resumed, steps), stream(whole.skip(2 * steps), steps))
    with pytest.raises(ConfigError, match=f"a batch size of 1 to {pairs}, the pairs of low_field_sr"):
        training_pairs(slices, info, pairs + 1)


@pytest.fixture(scope="module")
def built(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data set slices_x2 of all real training scans."""
    folder = tmp_path_factory.mktemp("real")
    builder = REPOSITORY / "data_pipelines" / "low_field_sr"
    options = f"--config=slices_x2 --manual_dir={shared_data / 'train'} --data_dir=data"
    in_memory = "--beam_pipeline_options=direct_running_mode=in_memory"
    run_shell(f"tfds build {builder} {options} {in_memory}", folder)
    return folder


def load(folder: Path, **options: object) -> tuple:
    return tfds.load(
        "low_field_sr/slices_x2", data_dir=folder / "data", with_info=True, download=False, **options
    )


@pytest.mark.slow
def test_the_script_of_a_few_lines_trains_on_real_scans(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (REPOSITORY / "docs" / "builders.md").read_text()
    script = next(block for block in BLOCK.findall(page) if "tfds.load" in block)
    assert len([line for line in script.splitlines() if line.strip()]) <= 12
    assert "batch_size=16" in script
    # Its few steps with batches of 16 would take longer than all else here.
    (built / "script.py").write_text(script.replace("batch_size=16", "batch_size=2"))
    monkeypatch.chdir(built)
    runpy.run_path("script.py")
    assert "val_psnr" in capsys.readouterr().out.lower()


@pytest.mark.slow
def test_no_subject_of_the_real_scans_stands_on_both_sides(built: Path) -> None:
    sides, info = load(built, split=["train", "validation"])
    subjects = [{bytes(record["subject"]) for record in tfds.as_numpy(side)} for side in sides]
    assert subjects[0] and subjects[1] and not subjects[0] & subjects[1]
    assert info.metadata["failed"] == [] and len(info.metadata["sources"]) == 30


@pytest.mark.slow
def test_every_epoch_draws_other_noise_for_the_same_slices(built: Path) -> None:
    slices, info = load(built, split="train[:16]")
    count = int(slices.cardinality()) * info.metadata["config"]["patches_per_slice"]
    pairs = training_pairs(slices, info, count).take(2)
    (first_lr, first_hr), (second_lr, second_hr) = [(lr.numpy(), hr.numpy()) for lr, hr in pairs]
    assert first_lr.shape == (count, 48, 48, 1) and first_hr.shape == (count, 96, 96, 1)
    assert not np.array_equal(first_lr, second_lr) and not np.array_equal(first_hr, second_hr)
    again = next(iter(training_pairs(slices, info, count)))
    np.testing.assert_array_equal(again[0], first_lr)


@pytest.mark.slow
def test_gains_and_patches_are_those_of_the_options(built: Path) -> None:
    slices, info = load(built, split="train[:4]")

    def lr_hr(**options: float) -> tuple[np.ndarray, np.ndarray]:
        chosen = PipelineConfig(lr_patch=16, patches_per_slice=3, **options)
        return next(iter(tfds.as_numpy(training_pairs(slices, info, 12, options=chosen))))

    single, double = (lr_hr(gain_min=gain, gain_max=gain) for gain in (1.0, 2.0))
    assert single[0].shape == (12, 16, 16, 1) and single[1].shape == (12, 32, 32, 1)
    for one, two in zip(single, double, strict=True):
        np.testing.assert_allclose(two, 2.0 * one, rtol=1e-6)
    ratios = lr_hr()[1].sum((1, 2, 3)) / single[1].sum((1, 2, 3))
    assert 0.6 <= ratios.min() < ratios.max() <= 1.4 and len(set(ratios.round(4))) > 3
    with pytest.raises(ConfigError, match="lr_patch of at most 48"):
        training_pairs(slices, info, 12, options=PipelineConfig(lr_patch=64))


@pytest.mark.slow
def test_pairs_are_refused_where_slices_are_expected(built: Path) -> None:
    slices, info = load(built, split="train")
    with pytest.raises(ConfigError, match="a finite data set of slices"):
        training_pairs(slices.repeat(), info, 4)
