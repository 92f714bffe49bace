"""`lfsr evaluate`: a trained model against the baselines and other models, and the report."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    from lfsr_tf.evaluation.report.views import Cell, Table as View
    from lfsr_tf.networks import TrainedModel


@with_quiet_tensorflow
def evaluate(
    model: Annotated[Path, typer.Argument(help="A model of `lfsr models`, a run folder, or a .keras file.")],
    scans: Annotated[
        Path, typer.Argument(help="Folder of high-field scans that no training saw, or one scan.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the report.")],
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MODEL",
            help="Another model to compare with, by its name, run folder or file; repeat it for several.",
        ),
    ] = None,
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

    Models of --against see the very same images and stand beside these under their own names. Leaves
    report.html, results.json, results.csv and pictures. A scan that cannot be used is left out and named at
    the end.

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
    config = EvaluationConfig(**settings)
    networks = _load(model, against or [])
    _run(networks, scans, lowfield_kspace or [], config, output, overwrite)


@dataclass(frozen=True)
class _Networks:
    """The model under test, the others by their names, and by name which file each is."""

    model: TrainedModel
    against: Mapping[str, TrainedModel]
    files: Mapping[str, dict[str, str]]


def _load(model: Path, against: Sequence[Path]) -> _Networks:
    from lfsr_tf.evaluation.methods import MODEL
    from lfsr_tf.evaluation.other_networks import check_names
    from lfsr_tf.models import load_model

    check_names(map(_name, against))
    paths = {MODEL: model, **{_name(path): path for path in against}}
    loaded = {name: load_model(path) for name, path in paths.items()}
    files = {name: _file_of(path) for name, path in paths.items()}
    return _Networks(loaded.pop(MODEL), loaded, files)


def _name(model: Path) -> str:
    """Of a shipped model and a run folder its own, of a file without .keras."""
    named = Path(os.path.normpath(model.absolute()))
    return named.stem if model.is_file() else named.name


def _file_of(model: Path) -> dict[str, str]:
    """Where a model's weights stand, and their hash."""
    from lfsr_tf.hashing import sha256_file
    from lfsr_tf.models import provenance
    from lfsr_tf.models.catalogue import SHIPPED
    from lfsr_tf.networks.checkpoint import MODEL_FILE

    own = model / MODEL_FILE if model.is_dir() else model
    # Of the package's models alone it is known where they come from.
    file = SHIPPED / f"{model}.safetensors" if provenance(model) else own
    return {"file": str(file), "sha256": sha256_file(file)}


def _run(
    networks: _Networks,
    scans: Path,
    kspace: list[Path],
    config: EvaluationConfig,
    output: Path,
    overwrite: bool,
) -> None:
    from lfsr_tf.evaluation.output import is_result
    from lfsr_tf.scans import find_scans
    from lfsr_tf.storage import atomic_folder

    with atomic_folder(output, replaces=is_result, overwrite=overwrite) as folder:
        found = find_scans(scans, results=False)
        results = _with_files(_evaluate(networks, found, kspace, config), networks.files)
        _write(results, folder)
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
    networks: _Networks, scans: Sequence[Path], kspace: Sequence[Path], config: EvaluationConfig
) -> Results:
    from lfsr_tf.evaluation import evaluate as run_study, with_measured_kspace

    with progress_bar("evaluate", len(scans) * len(config.sigmas)) as advance:
        results = run_study(networks.model, scans, config, against=networks.against, progress=advance)
    if not kspace:
        return results
    with progress_bar("measured k-space", len(kspace)) as advance:
        return with_measured_kspace(
            results, networks.model, kspace, against=networks.against, progress=advance
        )


def _with_files(results: Results, files: Mapping[str, dict[str, str]]) -> Results:
    from lfsr_tf.evaluation.methods import MODEL

    return dataclasses.replace(
        results,
        model=results.model | files[MODEL],
        against={name: facts | files[name] for name, facts in results.against.items()},
    )


def _write(results: Results, folder: Path) -> None:
    from lfsr_tf.evaluation import read_history, write_results

    # A run has it beside its model; a shipped model has none.
    history = read_history(Path(results.model["file"]).with_name("history.csv"))
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
        table.add_column(column, justify="right", overflow="fold")
    for row in view.rows:
        headings = (escape(row.headings[index]) for index in shown)
        table.add_row(*headings, *map(_marked, row.cells))
    return table


def _marked(cell: Cell) -> str:
    text = f"[bold]{cell.text}[/bold]" if cell.best else cell.text
    # No space behind the sign: four methods fit into 80 columns, and a narrower cell breaks before it.
    return f"{text} {cell.note.replace('± ', '±')}" if cell.note else text
