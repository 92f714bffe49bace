"""`lfsr evaluate`: a trained model against the baselines, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table as RichTable

from lfsr_tf.cli.console import console, print_error, print_warning, progress_bar, raise_for_failed
from lfsr_tf.cli.given import AcquisitionOption, acquisition_of, given
from lfsr_tf.cli.quiet import with_quiet_tensorflow

if TYPE_CHECKING:
    from lfsr_tf.evaluation import EvaluationConfig, Results
    from lfsr_tf.evaluation.report.views import Cell
    from lfsr_tf.evaluation.report.views import Table as View
    from lfsr_tf.networks import TrainedModel


@with_quiet_tensorflow
def evaluate(
    model: Annotated[Path, typer.Argument(help="A model of `lfsr models`, a run folder, or a .keras file.")],
    scans: Annotated[
        Path, typer.Argument(help="Folder of high-field scans that no training saw, or one scan.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the report.")],
    sigma: Annotated[
        list[float] | None,
        typer.Option(help="Noise level; repeat it for several. Default: 0, 0.03 and 0.06."),
    ] = None,
    acquisition: AcquisitionOption = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline",
            "--baselines",
            help="zero-fill, cubic, nlm or nlm-biased; repeat it for several. Default: the first three.",
        ),
    ] = None,
    slices_per_volume: Annotated[
        int | None, typer.Option(help="Slices of each volume, evenly spaced; 0: all. Default: 20.")
    ] = None,
    lowfield_kspace: Annotated[
        list[Path] | None,
        typer.Option(
            help="HDF5 file of measured low-field k-space, for the outer-band test; may be repeated."
        ),
    ] = None,
    hr_size: Annotated[
        int | None, typer.Option(help="Side of the HR slices in pixels. Default: 128.")
    ] = None,
    data_range: Annotated[
        str | None,
        typer.Option(metavar="volume|slice", help="What PSNR and SSIM divide by. Default: volume."),
    ] = None,
    sigma_source: Annotated[
        str | None,
        typer.Option(
            metavar="known|estimated",
            help="Where the sigma that methods are told comes from. Default: known.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Slices that the network sees at once. Default: 8.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Root of the simulated noise. Default: 0.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier report.")] = False,
) -> None:
    """Compare a model with zero-filling, cubic interpolation and non-local means on simulated scans.

    Leaves report.html, results.json, results.csv and pictures. A scan that cannot be used is left out and
    named at the end.

    Example:
        lfsr evaluate runs/quick scans/val --output report --sigma 0.03 --sigma 0.06
    """
    from lfsr_tf.evaluation.config import EvaluationConfig

    settings = given(
        sigmas=tuple(sigma) if sigma else None,
        acquisition=acquisition_of(acquisition),
        baselines=tuple(baseline) if baseline else None,
        slices_per_volume=slices_per_volume,
        hr_size=hr_size,
        data_range=data_range,
        sigma_source=sigma_source,
        batch_size=batch_size,
        seed=seed,
    )
    _run(model, scans, lowfield_kspace or [], EvaluationConfig(**settings), output, overwrite)


def _run(
    model: Path, scans: Path, kspace: list[Path], config: EvaluationConfig, output: Path, overwrite: bool
) -> None:
    from lfsr_tf.evaluation.output import is_result
    from lfsr_tf.models import load_model
    from lfsr_tf.scans import find_scans
    from lfsr_tf.storage import atomic_folder

    trained = load_model(model)
    with atomic_folder(output, replaces=is_result, overwrite=overwrite) as folder:
        found = find_scans(scans, results=False)
        results = _evaluate(trained, found, kspace, config)
        _write(results, folder, model)
    _print_tables(results)
    for warning in results.warnings:
        print_warning(warning)
    console.print(f"report: {output / 'report.html'}", soft_wrap=True, markup=False)
    _raise_for_failures(results, len(found) + len(kspace))


def _raise_for_failures(results: Results, count: int) -> None:
    for scan, error in results.failures:
        print_error(f"{scan}: {error}")
    raise_for_failed([scan for scan, _ in results.failures], count, "used")


def _evaluate(
    trained: TrainedModel, scans: Sequence[Path], kspace: Sequence[Path], config: EvaluationConfig
) -> Results:
    from lfsr_tf.evaluation import evaluate as run_study
    from lfsr_tf.evaluation import with_measured_kspace

    with progress_bar("evaluate", len(scans) * len(config.sigmas)) as advance:
        results = run_study(trained, scans, config, progress=advance)
    if not kspace:
        return results
    with progress_bar("measured k-space", len(kspace)) as advance:
        return with_measured_kspace(results, trained, kspace, progress=advance)


def _write(results: Results, folder: Path, model: Path) -> None:
    from lfsr_tf.evaluation import read_history, write_results

    run = model if model.is_dir() else model.parent
    # A shipped model is a name, not a path, and has no history.
    history = read_history(run / "history.csv") if model.exists() else {}
    write_results(results, folder, history=history)


def _print_tables(results: Results) -> None:
    from lfsr_tf.evaluation.report.views import difference_table, metric_table, outer_band_table

    views = [metric_table(results, metric, "head") for metric in ("psnr", "ssim")]
    views.append(difference_table(results, "psnr"))
    for view in views:
        console.print(_as_rich(view))
    if results.outer_band:
        _print_by_scan(outer_band_table(results.outer_band, results.config))


def _print_by_scan(view: View) -> None:
    """A table for each scan, one row a method: the name of a file fills a line by itself."""
    console.print(view.caption, style="bold", markup=False)
    for scan in dict.fromkeys(row.headings[1:] for row in view.rows):
        rows = [row for row in view.rows if row.headings[1:] == scan]
        name, contrast, signal = scan
        console.print(f"{name}: {contrast}, signal {signal}", soft_wrap=True, markup=False)
        table = RichTable("Method")
        for row in rows:
            table.add_column(row.headings[0], justify="right")
        for method, *cells in zip(view.columns, *(row.cells for row in rows), strict=True):
            table.add_row(method, *map(_marked, cells))
        console.print(table)


def _as_rich(view: View) -> RichTable:
    """A table of the report for the terminal, without the number of volumes, which the report has."""
    shown = [index for index, heading in enumerate(view.headings) if heading != "Volumes"]
    table = RichTable(title=view.caption, title_justify="left", title_style="bold")
    for index in shown:
        table.add_column(view.headings[index], overflow="fold")
    for column in view.columns:
        table.add_column(column, justify="right")
    for row in view.rows:
        headings = (escape(row.headings[index]) for index in shown)
        table.add_row(*headings, *map(_marked, row.cells))
    return table


def _marked(cell: Cell) -> str:
    text = f"[bold]{cell.text}[/bold]" if cell.best else cell.text
    # No space behind the sign: four methods fit into 80 columns, and a narrower cell breaks before it.
    return f"{text} {cell.note.replace('± ', '±')}" if cell.note else text
