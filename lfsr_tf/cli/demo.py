"""`lfsr demo`: the whole chain on built-in data, by the same commands that a user runs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from lfsr_tf.cli.console import console, progress_bar
from lfsr_tf.cli.quiet import with_quiet_tensorflow
from lfsr_tf.errors import OutputError

TRAINING_SUBJECTS = range(1, 7)
VALIDATION_SUBJECTS = range(101, 103)
CONTRASTS = ("T1w", "T2w", "FLAIR")


@with_quiet_tensorflow
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for everything that the demo makes.")
    ] = Path("demo"),
    preset: Annotated[str, typer.Option(help="Training preset: a name or a TOML file.")] = "demo",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier demo in that folder.")
    ] = False,
) -> None:
    """Take phantom brains through the whole chain: simulate, prepare, train, evaluate, enhance, export.

    Needs no data and a few minutes on two processor cores. Leaves a report (`report/report.html`), an
    enhanced scan and a SavedModel, and shows every command that it runs.

    Example:
        lfsr demo --output demo
    """
    _make_room(output, overwrite)
    scans, records, run = output / "scans", output / "records", output / "run"
    _write_phantoms(scans / "train", TRAINING_SUBJECTS)
    _write_phantoms(scans / "val", VALIDATION_SUBJECTS)
    example = scans / "val" / _phantom_name(VALIDATION_SUBJECTS[0], "T2w")
    low_field = output / "lowfield" / example.name.replace(".nii.gz", "_lr.nii.gz")
    _run("prepare", scans / "train", scans / "val", "-o", records, "--preset", "quick")
    _run("train", records, "-o", run, "--preset", preset)
    _run("evaluate", run, scans / "val", "-o", output / "report")
    _run("simulate", example, "-o", low_field, "--sigma", "0.04")
    _run("inspect", low_field)
    _run("enhance", low_field, "--model", run, "-o", output / "enhanced")
    _run("export", run, "-o", output / "models", "--name", "lfsr")
    _say_where_things_are(output)


def _make_room(output: Path, overwrite: bool) -> None:
    """Refuse a filled folder, or empty it: only a folder that an earlier demo made is ever emptied."""
    from lfsr_tf.storage import remove

    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not overwrite:
        raise OutputError(
            f"Expected a new folder. Received: {output}, which exists. Give --overwrite or another name."
        )
    if not (output / "scans" / "train").is_dir():
        raise OutputError(
            f"Expected the folder of an earlier demo. Received: {output}, which is something else."
        )
    remove(output)


def _phantom_name(subject: int, contrast: str) -> str:
    return f"sub-phantom{subject:03d}_{contrast}.nii.gz"


def _write_phantoms(folder: Path, subjects: range) -> None:
    from lfsr_tf.scans import phantom_scan, write_scan

    console.print(f"Phantom brains -> {folder}", style="bold")
    with progress_bar("phantoms", len(subjects) * len(CONTRASTS)) as advance:
        for subject in subjects:
            for contrast in CONTRASTS:
                write_scan(phantom_scan(subject, contrast), folder / _phantom_name(subject, contrast))
                advance(1)


def _run(*words: object) -> None:
    """Run one subcommand in this process, and show it as the user would type it."""
    from lfsr_tf.cli.app import app

    arguments = [str(word) for word in words]
    console.print(f"\n$ lfsr {shlex.join(arguments)}", style="bold", soft_wrap=True)
    app(arguments, standalone_mode=False)


def _say_where_things_are(output: Path) -> None:
    console.print("\nLook at:", style="bold")
    for path, what in (
        (output / "report" / "report.html", "the report: tables, pictures, a before/after slider"),
        (output / "enhanced", "the enhanced scan, and what is known of how far to trust it (.json)"),
        (output / "models" / "lfsr", "the SavedModel, ready for TensorFlow Serving"),
    ):
        console.print(f"  {path}  {what}", soft_wrap=True)
