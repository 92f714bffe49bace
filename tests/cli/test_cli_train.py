"""`lfsr train`: what it says and how it fails."""

import errno
import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from lfsr_tf import training
from lfsr_tf.cli.train import ConsoleProgress, epoch_line, train
from lfsr_tf.errors import ConfigError, RecordsError
from lfsr_tf.training.progress import EpochReport

METRICS = {"loss": 0.0123456, "val_loss": 0.011, "val_psnr": 30.5, "seconds": 1.5}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list:
    """The arguments with which training is called; it ends at once."""
    received: list = []

    def train_at_once(records, output, config, progress, start, hosts):  # type: ignore[no-untyped-def]
        received.append((records, output, config, start, hosts))
        progress.begin(8, 0)
        progress.advance(8)
        progress.epoch(EpochReport(1, 1, METRICS, True))
        return SimpleNamespace(
            reason="all epochs done", best_value=0.5, best_epoch=1, epochs=1, folder=Path(output)
        )

    monkeypatch.setattr(training, "train", train_at_once)
    return received


def test_the_changes_and_the_flag_reach_the_configuration(calls: list, run_command: Callable) -> None:
    arguments = ["records", "-o", "run", "--preset", "demo", "--set", "batch_size=2", "--distribute"]
    result = run_command(train, *arguments, "--set", "loss.ssim=0.5")
    assert result.exit_code == 0, result.output
    records, output, config, start, hosts = calls[0]
    assert start is None
    assert hosts is None
    assert (records, output) == (Path("records"), Path("run"))
    assert (config.batch_size, config.distribute, config.loss) == (2, True, {"mse": 1.0, "ssim": 0.5})


def test_settings_of_a_preset_that_are_left_out_are_told(calls: list, run_command: Callable) -> None:
    for network, said in (("SRDenseNet", True), ("ResidualSR", False)):
        result = run_command(train, "records", "-o", "run", "--set", f"network={network}")
        assert result.exit_code == 0, result.output
        note = "network_settings of quick are left out: they are those of ResidualSR, not of SRDenseNet."
        assert (note in result.output) is said


def test_a_training_can_start_from_a_shipped_model(calls: list, run_command: Callable) -> None:
    result = run_command(train, "records", "-o", "run", "--start-from", "fast")
    assert result.exit_code == 0, result.output
    assert calls[0][3]().info.name == "fast"


def test_hosts_reach_the_training_with_a_model_that_is_not_loaded_yet(
    calls: list, run_command: Callable
) -> None:
    several = ["--hosts", "a:2222,b:2222", "--host-index"]
    result = run_command(train, "records", "-o", "run", "--start-from", "fast", *several, "0")
    assert result.exit_code == 0, result.output
    start, hosts = calls[0][3:]
    assert (hosts.addresses, hosts.index) == (("a:2222", "b:2222"), 0)
    assert start().info.name == "fast"
    other = run_command(train, "records", "-o", "run", *several, "1")
    assert "best validation loss" in result.output
    assert "best validation loss" not in other.output


def test_an_index_without_hosts_is_refused(calls: list, run_command: Callable) -> None:
    result = run_command(train, "records", "-o", "run", "--host-index", "1")
    assert isinstance(result.exception, ConfigError)
    assert not calls


def test_the_last_line_says_the_result_and_where_it_is(calls: list, run_command: Callable) -> None:
    result = run_command(train, "records", "-o", "run", "--preset", "demo")
    assert "best validation loss 0.5 in epoch 1 of 1" in " ".join(result.output.split())
    assert "best.keras" in result.output


def test_an_epoch_is_one_line_with_loss_and_validation_psnr() -> None:
    line = epoch_line(EpochReport(3, 20, METRICS, True))
    assert line == "epoch 3/20  loss 0.012346  val_loss 0.011  val PSNR 30.5 dB  1.5 s  best"


def test_a_metric_that_is_not_a_number_is_a_question_mark() -> None:
    assert "val PSNR ? dB" in epoch_line(EpochReport(1, 2, METRICS | {"val_psnr": None}, False))


def test_a_setting_that_does_not_exist_is_refused_before_anything_is_written(
    tmp_path: Path, run_command: Callable
) -> None:
    result = run_command(train, tmp_path, "-o", tmp_path / "run", "--set", "colour=4")
    assert isinstance(result.exception, ConfigError)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_records_is_refused_before_anything_is_written(
    tmp_path: Path, run_command: Callable
) -> None:
    result = run_command(train, tmp_path, "-o", tmp_path / "run")
    assert isinstance(result.exception, RecordsError)
    assert not (tmp_path / "run").exists()


class FullLog(io.StringIO):
    """Standard error on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_that_cannot_be_written_ends_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched, ConsoleProgress() as progress:
        # One of its own: it keeps what it could not write.
        patched.setattr("lfsr_tf.cli.train.messages", Console(stderr=True))
        patched.setattr("sys.stderr", FullLog())
        progress.note("Going on after epoch 1 of 2.")
        progress.epoch(EpochReport(2, 2, METRICS, True))


def test_the_bar_goes_away_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), ConsoleProgress() as progress:
        progress.begin(2, 1)
        raise ZeroDivisionError
    assert progress._bar.live.is_started is False


def test_the_help_ends_with_an_example(run_command: Callable) -> None:
    result = run_command(train, "--help")
    assert "lfsr train records -o runs/mine" in result.output
