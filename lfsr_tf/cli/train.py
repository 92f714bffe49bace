"""`lfsr train`: train a network on a folder of records."""

from __future__ import annotations

import functools
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lfsr_tf.cli.console import console, messages, new_progress, print_warning
from lfsr_tf.cli.interrupted import end_at_once
from lfsr_tf.cli.quiet import with_quiet_tensorflow

if TYPE_CHECKING:
    from lfsr_tf.training import EpochReport, TrainConfig


def train(
    records: Annotated[Path, typer.Argument(help="Folder that `lfsr prepare` wrote.", readable=False)],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The run folder: new, or a run to go on with.", readable=False),
    ],
    preset: Annotated[str, typer.Option(help="best, fast, paper, quick, demo, or a TOML file.")] = "quick",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting, such as batch_size=8 or loss.ssim=0.1."),
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Begin with the weights of this model, of the same network."),
    ] = None,
    distribute: Annotated[
        bool, typer.Option("--distribute", help="Split every batch over all GPUs of this machine.")
    ] = False,
    hosts: Annotated[
        str | None,
        typer.Option(
            metavar="HOSTS",
            help="Train on several hosts: host:port,host:port, the same on each; or slurm, or tf-config.",
        ),
    ] = None,
    host_index: Annotated[
        int | None, typer.Option(help="Place of this host in the list, from 0; else by its name.")
    ] = None,
) -> None:
    """Train a network; started again on the same run folder, go on where the run was interrupted.

    The run folder gets best.keras (lowest validation loss) with model.json, last.keras with last.json,
    history.csv, config.json and TensorBoard logs. A finished run is left as it is. With --start-from a
    shipped model is suited to one's own scans: the preset of the same name has its network. A run that goes
    on needs no such model any more, and refuses another one.

    With --hosts the same command is given on each host, and the first one writes the run folder.

    Example:

        lfsr train records -o runs/mine --preset quick --set epochs=10 --set network_settings.blocks=4

        lfsr train records -o runs/ours --preset fast --start-from fast --set learning_rate=2e-4
    """
    if hosts is not None:
        # When a host is gone TensorFlow's C++ says so many times; the command line says it once.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    overrides = [*(changes or []), *(["distribute=true"] if distribute else [])]
    _train(records, output, preset, overrides, start_from, hosts, host_index)


@with_quiet_tensorflow
def _train(
    records: Path,
    output: Path,
    preset: str,
    overrides: list[str],
    start_from: str | None,
    host_list: str | None,
    host_index: int | None,
) -> None:
    from lfsr_tf.models import load_model
    from lfsr_tf.training import find_hosts, train as train_network

    config, hosts = _read_settings(preset, overrides), find_hosts(host_list, host_index)
    if hosts is not None:
        # Hosts that wait for each other do so within TensorFlow.
        end_at_once()
        # It would explain at length why what hosts say to each other is not compiled once for all.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    load = None if start_from is None else functools.partial(load_model, start_from)
    with ConsoleProgress() as progress:
        run = train_network(records, output, config, progress, start=load, hosts=hosts)
    if hosts is not None and not hosts.first:
        return
    console.print(
        f"{run.reason}: best validation loss {run.best_value:.6g} in epoch {run.best_epoch} of {run.epochs}. "
        f"Model: {run.folder / 'best.keras'}",
        soft_wrap=True,
        markup=False,
    )


def _read_settings(preset: str, overrides: list[str]) -> TrainConfig:
    from lfsr_tf.training import load_preset

    usual, config = load_preset(preset), load_preset(preset, overrides)
    if usual.network_settings and config.network != usual.network:
        print_warning(
            f"network_settings of {preset} are left out: they are those of {usual.network}, not of "
            f"{config.network}."
        )
    return config


class ConsoleProgress:
    """Draws a bar of steps on standard error, and one line an epoch above it."""

    def __init__(self) -> None:
        self._bar = new_progress(transient=True)
        self._task = self._bar.add_task("training steps", total=None, visible=False)

    def __enter__(self) -> ConsoleProgress:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Take the bar away; the lines stay."""
        self._bar.stop()

    def begin(self, total_steps: int, done_steps: int) -> None:
        """Show the bar, with the steps that an earlier run did."""
        self._bar.update(self._task, total=total_steps, completed=done_steps, visible=True)

    def advance(self, steps: int) -> None:
        """Move the bar."""
        self._bar.advance(self._task, steps)

    def epoch(self, report: EpochReport) -> None:
        """Print the epoch's line."""
        self.note(epoch_line(report))

    def note(self, message: str) -> None:
        """Print a line; a log that cannot be written, on a full disk, ends no training."""
        with suppress(OSError):
            messages.print(message, markup=False, soft_wrap=True)


def epoch_line(report: EpochReport) -> str:
    """One epoch in one line: number, losses, validation PSNR in dB, seconds, and whether it is the best."""
    values = {name: "?" if value is None else f"{value:.5g}" for name, value in report.metrics.items()}
    best = "  best" if report.is_best else ""
    return (
        f"epoch {report.epoch}/{report.epochs}  loss {values['loss']}  val_loss {values['val_loss']}  "
        f"val PSNR {values['val_psnr']} dB  {values['seconds']} s{best}"
    )
