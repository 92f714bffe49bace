"""`python -m data_pipelines.archive`: an archive of scans to an archive of sharper ones."""

from __future__ import annotations

import logging
import os
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from data_pipelines.archive.settings import FAILED, GOES_ON, TABLE, ArchiveSettings, OutputFormat
from lfsr_tf.cli.app import main as run_command_line
from lfsr_tf.cli.console import console
from lfsr_tf.cli.given import given
from lfsr_tf.cli.quiet import with_quiet_tensorflow
from lfsr_tf.errors import ConfigError, LfsrError
from lfsr_tf.locking import exclusive
from lfsr_tf.storage import real_path

if TYPE_CHECKING:
    from data_pipelines.archive.pipeline import Summary

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@with_quiet_tensorflow
def enhance_archive(
    context: typer.Context,
    scans: Annotated[
        Path, typer.Argument(help="Folder to search for scans, or a CSV file with a column `path`.")
    ],
    model: Annotated[
        Path, typer.Option("--model", "-m", help="A model of `lfsr export`, or one version of it.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Output folder.")],
    acquired_matrix: Annotated[
        str | None, typer.Option(metavar="HxW|header|spectrum|full", help="As of `lfsr enhance`.")
    ] = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="same|nifti|dicom", help="As of `lfsr enhance`.")
    ] = "same",
    plane: Annotated[
        str | None, typer.Option(metavar="axial|coronal|sagittal", help="As of `lfsr enhance`.")
    ] = None,
    pixel_budget: Annotated[int | None, typer.Option(help="As of `lfsr enhance`.")] = None,
    noise_level: Annotated[float | None, typer.Option(help="As of `lfsr enhance`.")] = None,
    image: Annotated[
        str | None, typer.Option(metavar="in_phase|magnitude", help="As of `lfsr enhance`.")
    ] = None,
    views: Annotated[str | None, typer.Option(metavar="all|one", help="As of `lfsr enhance`.")] = None,
    error_map: Annotated[bool | None, typer.Option("--error-map", help="As of `lfsr enhance`.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first scan that fails.")] = False,
) -> None:
    """Enhance every scan of an archive that is not enhanced yet, on all cores.

    Writes what `lfsr enhance` writes, a table of all sidecars (scans.csv, scans.parquet), and the scans that
    could not be used with the reason (failed.csv); with any of those the exit code is 1. A run that was
    interrupted, or has new scans, does only what is missing. Further options, as `--name=value`, are
    Apache Beam's.

    For example:

        PYTHONSAFEPATH=1 python -m data_pipelines.archive scans --model models/lfsr --output enhanced
    """
    from data_pipelines.running.runner import new_pipeline

    pipeline = new_pipeline(context.args)
    settings = _settings(
        scans,
        model,
        output,
        {
            "acquired_matrix": acquired_matrix,
            "pixel_budget": pixel_budget,
            "noise_level": noise_level,
            "image": image,
            "plane": plane,
            "views": views,
            "error_map": error_map,
        },
        output_format=output_format,
        strict=strict,
    )
    _run(pipeline, scans, settings)


def _run(pipeline: Any, scans: Path, settings: ArchiveSettings) -> None:
    with exclusive(settings.output):
        done = _enhanced(pipeline, scans, settings)
    _tell(done, settings)


def _enhanced(pipeline: Any, scans: Path, settings: ArchiveSettings) -> Summary:
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    from data_pipelines.archive.handler import make_enhancer
    from data_pipelines.archive.pipeline import run_archive
    from data_pipelines.archive.plan import plan_archive
    from data_pipelines.running.workers import safe_local_run

    make_enhancer(settings)  # a model or a setting that is of no use is found before the workers start
    plan = plan_archive(scans, settings.output)
    if settings.strict and plan.refused:
        raise LfsrError(f"{plan.refused[0].name}: {plan.refused[0].error}")
    here = isinstance(pipeline.runner, FnApiRunner)
    settings = replace(settings, driver=os.getpid() if here else None)
    with safe_local_run() if here else nullcontext():
        return run_archive(pipeline, plan, settings)


def _tell(done: Summary, settings: ArchiveSettings) -> None:
    """One line on what became of the scans.

    Raises:
        LfsrError: Some of them could not be used.
    """
    console.print(
        f"{done.scans} scans: {done.enhanced} enhanced now, {done.kept} before, {done.failed} failed. "
        f"Table: {settings.output / TABLE}",
        soft_wrap=True,
        markup=False,
    )
    if done.failed:
        raise LfsrError(
            f"{done.failed} of {done.scans} scans could not be used, listed in {settings.output / FAILED}; "
            f"the first: {done.first_failure}"
        )


def _settings(
    scans: Path, model: Path, output: Path, enhance: dict[str, Any], **others: Any
) -> ArchiveSettings:
    """Complete settings, but for the process of the command.

    Raises:
        ConfigError: One of them is unknown or out of its range.
        ModelError: There is no exported model.
    """
    from data_pipelines.archive.exported_model import find_version, fingerprint
    from data_pipelines.archive.plan import archive_folder
    from lfsr_tf.inference import EnhanceConfig

    if others["output_format"] not in get_args(OutputFormat):
        raise ConfigError(f"Expected --format same, nifti or dicom. Received: {others['output_format']!r}.")
    config = EnhanceConfig(**given(**enhance))
    version = find_version(model)
    return ArchiveSettings(
        archive=archive_folder(scans),
        output=real_path(output),
        model=version,
        fingerprint=fingerprint(version),
        enhance=asdict(config),
        **others,
    )


def main() -> None:
    """Run the command as `lfsr` is run."""
    # Beam tells of much that works, and of optional parts that are not installed.
    logging.basicConfig(level=logging.ERROR)
    run_command_line(partial(app, prog_name="python -m data_pipelines.archive"), GOES_ON)
