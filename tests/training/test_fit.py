"""A whole run: what it leaves, that it repeats, and that an interruption changes nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from lfsr_tf.networks import load_model
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.fit import train_on
from lfsr_tf.training.progress import SilentProgress
from lfsr_tf.training.run_folder import TrainedRun
from lfsr_tf.training.sources import PairSource
from tests.training.history import read_rows
from tests.training.interrupted import Recorder, interrupted

# Keras reads a tensor with np.array(x, copy=False), which NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MakeSource = Callable[..., PairSource]
Changed = Callable[..., TrainConfig]


def losses(folder: Path) -> list[tuple[float, float]]:
    return [(row["loss"], row["val_loss"]) for row in read_rows(folder)]


@pytest.fixture
def whole(
    tmp_path_factory: pytest.TempPathFactory, config: TrainConfig, make_source: MakeSource
) -> TrainedRun:
    """A run for the tests that only read one: the first of them trains it, the others find it finished."""
    return train_on(make_source(), tmp_path_factory.getbasetemp() / "whole", config, SilentProgress())


def test_a_run_folder_holds_what_it_promises(
    tmp_path: Path, config: TrainConfig, make_source: MakeSource
) -> None:
    progress = Recorder()
    run = train_on(make_source(), tmp_path / "run", config, progress)
    names = {path.name for path in run.folder.iterdir()}
    assert names >= {"config.json", "versions.json", "data.json", "history.csv", "state.json", "tensorboard"}
    assert names >= {"best.keras", "model.json", "last.keras", "last.json"}
    assert load_model(run.folder / "last.keras").info.trained_steps == 12
    assert TrainConfig.from_dict(json.loads((run.folder / "config.json").read_text())) == config
    assert json.loads((run.folder / "data.json").read_text()) == {"fingerprint": "tiny"}
    assert json.loads((run.folder / "versions.json").read_text())["tensorflow"] == tf.__version__
    assert [report.epoch for report in progress.reports] == [1, 2, 3]
    assert progress.steps == progress.total_steps == 12
    assert (run.epochs, run.reason) == (3, "all epochs done")


def test_the_best_models_value_is_the_minimum_of_the_history(
    tmp_path: Path, changed: Changed, make_source: MakeSource
) -> None:
    source = make_source()
    run = train_on(
        source, tmp_path / "run", changed(learning_rate=0.3, schedule="constant"), SilentProgress()
    )
    history = [val_loss for _, val_loss in losses(run.folder)]
    best = load_model(run.folder).model
    best.compile(loss="mse")
    assert best.evaluate(source.validation, verbose=0) == pytest.approx(min(history), rel=1e-6)
    assert run.best_value == min(history)
    assert history[run.best_epoch - 1] == min(history)


def test_training_lowers_the_loss(whole: TrainedRun) -> None:
    assert losses(whole.folder)[-1] < losses(whole.folder)[0]


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(
    tmp_path: Path, whole: TrainedRun, config: TrainConfig, changed: Changed, make_source: MakeSource
) -> None:
    train_on(make_source(), tmp_path / "same", config, SilentProgress())
    train_on(make_source(), tmp_path / "other", changed(seed=config.seed + 1), SilentProgress())
    assert losses(tmp_path / "same") == losses(whole.folder)
    assert losses(tmp_path / "other") != losses(whole.folder)


@pytest.mark.parametrize("flips", [False, True])
def test_an_interrupted_run_ends_as_if_it_had_not_been(
    tmp_path: Path, whole: TrainedRun, config: TrainConfig, make_source: MakeSource, flips: bool
) -> None:
    uninterrupted = whole
    if flips:
        uninterrupted = train_on(make_source(flips=True), tmp_path / "whole", config, SilentProgress())
    interrupted(make_source(flips=flips), tmp_path / "parts", config, after=1)
    interrupted(make_source(flips=flips), tmp_path / "parts", config, after=2)
    resumed = Recorder()
    train_on(make_source(flips=flips), tmp_path / "parts", config, resumed)
    assert resumed.notes == ["Going on after epoch 2 of 3."]
    assert [report.epoch for report in resumed.reports] == [3]
    assert losses(tmp_path / "parts") == losses(uninterrupted.folder)


def test_patience_goes_on_counting_after_an_interruption(
    tmp_path: Path, changed: Changed, make_source: MakeSource
) -> None:
    # A rate this small never improves the loss by a representable amount after the first epoch.
    config = changed(learning_rate=1e-30, schedule="constant", epochs=9, patience=2)
    interrupted(make_source(), tmp_path / "run", config, after=2)
    run = train_on(make_source(), tmp_path / "run", config, SilentProgress())
    assert (run.epochs, run.best_epoch, run.reason) == (3, 1, "early stopping")


def test_a_finished_run_is_left_as_it_is(
    whole: TrainedRun, config: TrainConfig, make_source: MakeSource
) -> None:
    before = (whole.folder / "best.keras").stat().st_mtime_ns
    progress = Recorder()
    assert train_on(make_source(), whole.folder, config, progress) == whole
    assert progress.reports == []
    assert "finished" in progress.notes[0]
    assert (whole.folder / "best.keras").stat().st_mtime_ns == before


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_like_float32_and_can_be_interrupted(
    tmp_path: Path, changed: Changed, make_source: MakeSource, policy: str
) -> None:
    train_on(make_source(), tmp_path / "float32", changed(dtype_policy="float32"), SilentProgress())
    interrupted(make_source(), tmp_path / policy, changed(dtype_policy=policy), after=1)
    train_on(make_source(), tmp_path / policy, changed(dtype_policy=policy), SilentProgress())
    for expected, received in zip(losses(tmp_path / "float32"), losses(tmp_path / policy), strict=True):
        assert received == pytest.approx(expected, rel=0.05)
    model = load_model(tmp_path / policy).model
    assert model.output.dtype == "float32"
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert any(layer.compute_dtype == policy.removeprefix("mixed_") for layer in model.layers)
    assert keras.config.dtype_policy().name == "float32"


def test_several_steps_an_execution_change_no_loss(
    tmp_path: Path, whole: TrainedRun, changed: Changed, make_source: MakeSource
) -> None:
    progress = Recorder()
    train_on(make_source(), tmp_path / "two", changed(steps_per_execution=2), progress)
    for expected, received in zip(losses(whole.folder), losses(tmp_path / "two"), strict=True):
        assert received == pytest.approx(expected, rel=1e-5)
    assert progress.steps == 12


def test_tensorboard_gets_the_pictures_and_the_losses(whole: TrainedRun) -> None:
    files = [str(path) for path in (whole.folder / "tensorboard").rglob("events.*")]
    events = [tf.compat.v1.Event.FromString(item.numpy()) for item in tf.data.TFRecordDataset(files)]
    tags = [value.tag for event in events for value in event.summary.value]
    assert {"epoch_loss", "epoch_psnr", "epoch_learning_rate", "LR | SR | HR"} <= set(tags)
    assert tags.count("LR | SR | HR") == 3
