"""A whole run: what it leaves, that it repeats, that an interruption changes nothing, and how it fails."""

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError, ModelError, OutputError
from lfsr_tf.networks import build_network, load_model
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.fit import train_on
from lfsr_tf.training.progress import EpochReport, SilentProgress
from lfsr_tf.training.run_folder import WEIGHTS, TrainedRun
from lfsr_tf.training.snapshot import save_snapshot
from lfsr_tf.training.sources import PairSource
from tests.training.history import read_rows

# Keras reads a tensor with np.array(x, copy=False), which NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MakeSource = Callable[..., PairSource]
Changed = Callable[..., TrainConfig]


class InterruptedError(BaseException):
    """Stands for a kill between two epochs."""


class Recorder(SilentProgress):
    """Keeps what it is told; interrupts the run after a given epoch."""

    def __init__(self, interrupt_after: int = 0) -> None:
        self.reports: list[EpochReport] = []
        self.notes: list[str] = []
        self.steps = 0
        self._interrupt_after = interrupt_after

    def begin(self, total_steps: int, done_steps: int) -> None:
        self.total_steps, self.steps = total_steps, done_steps

    def advance(self, steps: int) -> None:
        self.steps += steps

    def epoch(self, report: EpochReport) -> None:
        self.reports.append(report)
        if report.epoch == self._interrupt_after:
            raise InterruptedError

    def note(self, message: str) -> None:
        self.notes.append(message)


def losses(folder: Path) -> list[tuple[float, float]]:
    return [(row["loss"], row["val_loss"]) for row in read_rows(folder)]


def interrupted(source: PairSource, folder: Path, config: TrainConfig, after: int) -> None:
    with pytest.raises(InterruptedError):
        train_on(source, folder, config, Recorder(after))


@pytest.fixture
def whole(
    tmp_path_factory: pytest.TempPathFactory, config: TrainConfig, make_source: MakeSource
) -> TrainedRun:
    """A run for the tests that only read one: the first of them trains it, the others find it finished."""
    return train_on(make_source(), tmp_path_factory.getbasetemp() / "whole", config, SilentProgress())


@pytest.fixture
def begun(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, config: TrainConfig, make_source: MakeSource
) -> Path:
    """A run interrupted after its first epoch, to go on with: a copy of one that these tests share."""
    shared = tmp_path_factory.getbasetemp() / "begun"
    if not (shared / "state.json").exists():
        interrupted(make_source(), shared, config, after=1)
    return shutil.copytree(shared, tmp_path / "run")


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


def test_going_on_with_another_configuration_or_other_records_is_refused(
    begun: Path, config: TrainConfig, changed: Changed, make_source: MakeSource
) -> None:
    with pytest.raises(ConfigError, match=r"learning_rate=0.01.*Received: learning_rate=0.5"):
        train_on(make_source(), begun, changed(learning_rate=0.5), SilentProgress())
    with pytest.raises(ConfigError, match="fingerprint"):
        train_on(make_source(fingerprint="other"), begun, config, SilentProgress())


@pytest.mark.parametrize(("bad_step", "step", "epoch", "kept"), [(0, 1, 1, 0), (6, 7, 2, 1)])
def test_a_loss_of_nan_ends_the_run_with_the_step_and_a_remedy(
    tmp_path: Path,
    config: TrainConfig,
    make_source: MakeSource,
    bad_step: int,
    step: int,
    epoch: int,
    kept: int,
) -> None:
    with pytest.raises(ModelError, match=rf"nan at step {step} \(epoch {epoch}\).*learning_rate below 0\.01"):
        train_on(make_source(bad_step=bad_step), tmp_path / "run", config, SilentProgress())
    assert (tmp_path / "run" / "best.keras").exists() is bool(kept)
    assert (tmp_path / "run" / "history.csv").exists() is bool(kept)


def test_a_validation_loss_of_nan_is_never_committed(
    tmp_path: Path, config: TrainConfig, make_source: MakeSource
) -> None:
    with pytest.raises(ModelError, match="finite val_loss"):
        train_on(make_source(bad_step=10**6), tmp_path / "run", config, SilentProgress())
    assert not (tmp_path / "run" / "state.json").exists()


def test_weights_of_another_architecture_are_refused(
    begun: Path, config: TrainConfig, make_source: MakeSource
) -> None:
    other = build_network("ResidualSR", blocks=1, filters=6)
    other.compile("adam", "mse")
    other.optimizer.build(other.trainable_variables)
    save_snapshot(other, begun / "backup" / "epoch-00001" / WEIGHTS)
    with pytest.raises(ModelError, match="another architecture"):
        train_on(make_source(), begun, config, SilentProgress())


def test_a_best_model_of_another_architecture_is_refused(
    tmp_path: Path, begun: Path, config: TrainConfig, changed: Changed, make_source: MakeSource
) -> None:
    other = changed(network_settings={"blocks": 1, "filters": 6})
    train_on(make_source(), tmp_path / "other", other, SilentProgress())
    for name in ("best.keras", "model.json"):
        shutil.copy(tmp_path / "other" / name, begun / name)
    with pytest.raises(ModelError, match="another architecture"):
        train_on(make_source(), begun, config, SilentProgress())


def test_a_damaged_backup_is_refused(begun: Path, config: TrainConfig, make_source: MakeSource) -> None:
    (begun / "backup" / "epoch-00001" / WEIGHTS).write_bytes(b"not arrays")
    with pytest.raises(ModelError, match=r"damaged.*Train into a new folder"):
        train_on(make_source(), begun, config, SilentProgress())


# The smaller limit meets the weights, the larger one the models.
@pytest.mark.parametrize("limit", [8_000, 30_000])
def test_a_full_disk_is_one_line_and_the_last_whole_epoch_stays(
    begun: Path,
    config: TrainConfig,
    make_source: MakeSource,
    limit: int,
    full_disk: Callable[[int], AbstractContextManager[None]],
) -> None:
    before = {path: path.read_bytes() for path in begun.glob("*.*") if path.is_file()}
    with full_disk(limit), pytest.raises(OutputError, match=r"Cannot write .*free space"):
        train_on(make_source(), begun, config, SilentProgress())
    assert not list(begun.rglob(".partial-*"))
    assert {
        path: path.read_bytes() for path in before if path.name != "versions.json"
    }.items() <= before.items()
    run = train_on(make_source(), begun, config, SilentProgress())
    assert run.epochs == config.epochs


def test_a_network_of_another_scale_than_the_records_is_refused(
    tmp_path: Path, config: TrainConfig, make_source: MakeSource
) -> None:
    with pytest.raises(ConfigError, match=r"into HR \(32, 32, 1\).*ResidualSR, which makes \(16, 16, 1\)"):
        train_on(make_source(scale=4), tmp_path / "run", config, SilentProgress())


@pytest.mark.parametrize("settings", [{"network": "Nonet"}, {"loss": {"luck": 1.0}}])
def test_an_unknown_network_or_loss_is_refused(
    tmp_path: Path, changed: Changed, make_source: MakeSource, settings: dict
) -> None:
    with pytest.raises(ConfigError):
        train_on(make_source(), tmp_path / "run", changed(**settings), SilentProgress())


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


def test_executions_that_an_epoch_does_not_divide_into_are_refused(
    tmp_path: Path, changed: Changed, make_source: MakeSource
) -> None:
    with pytest.raises(ConfigError, match=r"divide the 4 steps of an epoch\. Received: 3"):
        train_on(make_source(), tmp_path / "run", changed(steps_per_execution=3), SilentProgress())
    assert not (tmp_path / "run").exists()


def test_tensorboard_gets_the_pictures_and_the_losses(whole: TrainedRun) -> None:
    files = [str(path) for path in (whole.folder / "tensorboard").rglob("events.*")]
    events = [tf.compat.v1.Event.FromString(item.numpy()) for item in tf.data.TFRecordDataset(files)]
    tags = [value.tag for event in events for value in event.summary.value]
    assert {"epoch_loss", "epoch_psnr", "epoch_learning_rate", "LR | SR | HR"} <= set(tags)
    assert tags.count("LR | SR | HR") == 3
