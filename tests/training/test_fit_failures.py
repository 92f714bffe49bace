"""How a run fails: what is refused or damaged is named, and what was reached stays."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from lfsr_tf.errors import ConfigError, ModelError, OutputError
from lfsr_tf.networks import build_network
from lfsr_tf.training.config import TrainConfig
from lfsr_tf.training.fit import train_on
from lfsr_tf.training.progress import SilentProgress
from lfsr_tf.training.run_folder import WEIGHTS
from lfsr_tf.training.snapshot import save_snapshot
from lfsr_tf.training.sources import PairSource

# Keras reads a tensor with np.array(x, copy=False), which NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MakeSource = Callable[..., PairSource]
Changed = Callable[..., TrainConfig]


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


def test_executions_that_an_epoch_does_not_divide_into_are_refused(
    tmp_path: Path, changed: Changed, make_source: MakeSource
) -> None:
    with pytest.raises(ConfigError, match=r"divide the 4 steps of an epoch\. Received: 3"):
        train_on(make_source(), tmp_path / "run", changed(steps_per_execution=3), SilentProgress())
    assert not (tmp_path / "run").exists()
