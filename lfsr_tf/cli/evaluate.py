"""`lfsr evaluate`: a trained model against the baselines and other models, and the report."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lfsr_tf.cli.console import console, print_error, print_warning, progress_bar, raise_for_failed
from lfsr_tf.cli.given import AcquisitionOption, acquisition_of, given
from lfsr_tf.cli.quiet import with_quiet_tensorflow
from lfsr_tf.cli.tables import print_by_scan, print_table

if TYPE_CHECKING:
    from lfsr_tf.evaluation import EvaluationConfig, Results
    from lfsr_tf.evaluation.report.curves import History
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
    """The model under test, the others by their names, by name which file each is, and how it was trained."""

    model: TrainedModel
    against: Mapping[str, TrainedModel]
    files: Mapping[str, dict[str, str]]
    history: History


def _load(model: Path, against: Sequence[Path]) -> _Networks:
    from lfsr_tf.evaluation import read_history
    from lfsr_tf.evaluation.methods import MODEL
    from lfsr_tf.evaluation.other_networks import check_names
    from lfsr_tf.models import load_model

    check_names(map(_name, against))
    paths = {MODEL: model, **{_name(path): path for path in against}}
    loaded = {name: load_model(path) for name, path in paths.items()}
    files = {name: _file_of(path) for name, path in paths.items()}
    # A run has it beside its model; a shipped model has none.
    history = read_history(_weights(model).with_name("history.csv"))
    return _Networks(loaded.pop(MODEL), loaded, files, history)


def _name(model: Path) -> str:
    """Of a shipped model and a run folder its own, of a file without .keras."""
    named = Path(os.path.normpath(model.absolute()))
    return named.stem if model.is_file() else named.name


def _file_of(model: Path) -> dict[str, str]:
    """Which file a model is, in words that name no place which the user did not name, and its hash."""
    from lfsr_tf.hashing import sha256_file

    weights = _weights(model)
    file = f"{model}, of the package" if _is_of_the_package(model) else str(weights)
    return {"file": file, "sha256": sha256_file(weights)}


def _weights(model: Path) -> Path:
    from lfsr_tf.models.catalogue import SHIPPED
    from lfsr_tf.networks.checkpoint import MODEL_FILE

    if _is_of_the_package(model):
        return SHIPPED / f"{model}.safetensors"
    return model / MODEL_FILE if model.is_dir() else model


def _is_of_the_package(model: Path) -> bool:
    from lfsr_tf.models import provenance

    # Of the package's models alone it is known where they come from.
    return bool(provenance(model))


def _run(
    networks: _Networks,
    scans: Path,
    kspace: list[Path],
    config: EvaluationConfig,
    output: Path,
    overwrite: bool,
) -> None:
    from lfsr_tf.evaluation import write_results
    from lfsr_tf.evaluation.output import is_result
    from lfsr_tf.scans import find_scans
    from lfsr_tf.storage import atomic_folder

    with atomic_folder(output, replaces=is_result, overwrite=overwrite) as folder:
        found = find_scans(scans, results=False)
        results = _with_files(_evaluate(networks, found, kspace, config), networks.files)
        write_results(results, folder, history=networks.history)
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


def _print_tables(results: Results) -> None:
    from lfsr_tf.evaluation.report.views import difference_table, metric_table, outer_band_table

    views = [metric_table(results, metric, "head") for metric in ("psnr", "ssim")]
    views.append(difference_table(results, "psnr"))
    for view in views:
        print_table(view)
    if results.outer_band:
        print_by_scan(outer_band_table(results.outer_band, results.config))
