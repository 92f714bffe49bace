"""`lfsr demo`: the package at work on built-in data, by the same commands that a user runs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from lfsr_tf import __version__
from lfsr_tf.cli.console import console, progress_bar
from lfsr_tf.cli.quiet import with_quiet_tensorflow
from lfsr_tf.errors import OutputError

TRAINING_SUBJECTS = range(1, 7)
VALIDATION_SUBJECTS = range(101, 103)
CONTRASTS = ("T1w", "T2w", "FLAIR")
VALIDATION_SCANS = Path("scans", "val")
SHIPPED_MODEL = "fast"
# Stands in every folder that a demo has made, and in no other.
MARKER = ".lfsr-demo"
_MADE = {MARKER, "scans", "records", "run", "lowfield", "enhanced", "report", "models"}


@with_quiet_tensorflow
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for everything that the demo makes.")
    ] = Path("demo"),
    train: Annotated[
        bool, typer.Option("--train", help="Train a network on phantoms first, and export it at the end.")
    ] = False,
    preset: Annotated[str, typer.Option(help="Training preset for --train: a name or a TOML file.")] = "demo",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier demo in that folder.")
    ] = False,
) -> None:
    """Take phantom brains to a low-field scanner and back: simulate, inspect, enhance, evaluate.

    Needs no data. With the weights of the package it takes about a minute on two processor cores; with
    --train it goes the whole way, records, training and a SavedModel included, in a few minutes. Leaves a
    report (`report/report.html`) and an enhanced scan, and shows every command that it runs.

    Example:
        lfsr demo --output demo
    """
    _make_room(output, overwrite)
    _write_phantoms(output / VALIDATION_SCANS, VALIDATION_SUBJECTS)
    model = _train(output, preset) if train else SHIPPED_MODEL
    example = output / VALIDATION_SCANS / _phantom_name(VALIDATION_SUBJECTS[0], "T2w")
    low_field = output / "lowfield" / example.name.replace(".nii.gz", "_lr.nii.gz")
    _run("simulate", example, "-o", low_field, "--sigma", "0.04")
    _run("inspect", low_field)
    _run("enhance", low_field, "--model", model, "-o", output / "enhanced")
    _run("evaluate", model, output / VALIDATION_SCANS, "-o", output / "report")
    if train:
        _run("export", model, "-o", output / "models", "--name", "lfsr")
    _say_where_things_are(output)


def _train(output: Path, preset: str) -> Path:
    """Records and a network of phantoms; the run folder."""
    scans, records, run = output / "scans" / "train", output / "records", output / "run"
    _write_phantoms(scans, TRAINING_SUBJECTS)
    _run("prepare", scans, output / VALIDATION_SCANS, "-o", records, "--preset", "quick")
    _run("train", records, "-o", run, "--preset", preset)
    return run


def _make_room(output: Path, overwrite: bool) -> None:
    """Refuse a filled folder, or empty it: only a folder that an earlier demo made is ever emptied."""
    from lfsr_tf.placing import remove
    from lfsr_tf.storage import check_replaceable, is_taken, write_json

    if is_taken(output) and not (output.is_dir() and not any(output.iterdir())):
        if not overwrite:
            raise OutputError(
                f"Expected a new folder. Received: {output}, which exists. Give --overwrite or another name."
            )
        if not (output / MARKER).is_file():
            raise OutputError(
                f"Expected the folder of an earlier demo. Received: {output}, which has no {MARKER}: it is "
                "something else, or the demo of an older version. Choose another name, or empty it yourself."
            )
        check_replaceable(output, lambda entry: entry.name in _MADE)
        remove(output)
    write_json(output / MARKER, {"made by": "lfsr demo", "version": __version__})


def _phantom_name(subject: int, contrast: str) -> str:
    return f"sub-phantom{subject:03d}_{contrast}.nii.gz"


def _write_phantoms(folder: Path, subjects: range) -> None:
    from lfsr_tf.scans import phantom_scan, write_scan

    console.print(f"Phantom brains -> {folder}", style="bold", markup=False)
    with progress_bar("phantoms", len(subjects) * len(CONTRASTS)) as advance:
        for subject in subjects:
            for contrast in CONTRASTS:
                write_scan(phantom_scan(subject, contrast), folder / _phantom_name(subject, contrast))
                advance(1)


def _run(*words: object) -> None:
    """Run one subcommand in this process, and show it as the user would type it."""
    from lfsr_tf.cli.app import app

    arguments = [str(word) for word in words]
    console.print()
    console.print(f"$ lfsr {shlex.join(arguments)}", style="bold", soft_wrap=True, markup=False)
    # Typer returns what a command ends with, and does not raise it: Ctrl-C, too.
    code = app(arguments, standalone_mode=False)
    if code:
        raise typer.Exit(code)


def _say_where_things_are(output: Path) -> None:
    console.print()
    console.print("Look at:", style="bold")
    for path, what in (
        (output / "report" / "report.html", "the report: tables, pictures, a before/after slider"),
        (output / "enhanced", "the enhanced scan, and what is known of how far to trust it (.json)"),
        (output / "models" / "lfsr", "the SavedModel, ready for TensorFlow Serving"),
    ):
        if path.exists():
            console.print(f"  {path}  {what}", soft_wrap=True, markup=False)
