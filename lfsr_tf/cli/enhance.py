"""`lfsr enhance`: scans on disk to sharper scans on disk, each with word of how far to trust it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lfsr_tf.cli.console import (
    console,
    messages,
    print_error,
    print_warning,
    progress_bar,
    raise_for_failed,
)
from lfsr_tf.cli.given import given
from lfsr_tf.cli.interrupted import interrupted_with
from lfsr_tf.cli.quiet import with_quiet_tensorflow
from lfsr_tf.errors import ConfigError, LfsrError

if TYPE_CHECKING:
    from lfsr_tf.inference.enhance import Enhancer
    from lfsr_tf.inference.files import EnhancedFile, OutputFormat
    from lfsr_tf.inference.jobs import Job
    from lfsr_tf.inference.network import RunningNetwork
    from lfsr_tf.networks import TrainedModel


@with_quiet_tensorflow
def enhance(
    scans: Annotated[
        list[Path],
        typer.Argument(
            help="Scan files, DICOM series folders, or folders to search for scans.", readable=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Output folder; for a single scan also a name ending in .nii.gz.",
            readable=False,
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="A model of `lfsr models`, a run folder, or a .keras file with its model.json. "
            "Default: fast.",
            readable=False,
        ),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Run the network behind a server instead: http://HOST:8501/v1/models/lfsr or "
            "grpc://HOST:8500/lfsr.",
        ),
    ] = None,
    acquired_matrix: Annotated[
        str | None,
        typer.Option(
            metavar="HxW|header|spectrum|full",
            help="Matrix that interpolated scans are cut to: given, the file's, estimated, or no cut. "
            "Default: header.",
        ),
    ] = None,
    output_format: Annotated[
        str,
        typer.Option(
            "--format", metavar="same|nifti|dicom", help="same: DICOM for DICOM, NIfTI for all else."
        ),
    ] = "same",
    plane: Annotated[
        str | None,
        typer.Option(metavar="axial|coronal|sagittal", help="Enhance these slices instead of the acquired."),
    ] = None,
    pixel_budget: Annotated[
        int | None,
        typer.Option(
            help="Most pixels that the network is given at once; bounds the memory. Default: 65536, of one "
            "slice up to 262144 where the network's maps are few."
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="auto|float32|mixed_bfloat16",
            help="Computing precision. Default: auto, bfloat16 where model and processor are made for it.",
        ),
    ] = None,
    noise_level: Annotated[
        float | None,
        typer.Option(
            help="Noise that the network is told, as a fraction of the 99.9th percentile, instead of the "
            "measured one: more smooths more."
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            metavar="in_phase|magnitude",
            help="What of raw k-space is enhanced. Default: the part in phase with its low frequencies.",
        ),
    ] = None,
    views: Annotated[
        str | None,
        typer.Option(
            metavar="all|one",
            help="Average over all sample positions at which raw k-space or a zero-filled scan can be seen, "
            "or take one, scale² times as fast. Default: all.",
        ),
    ] = None,
    error_map: Annotated[
        bool | None,
        typer.Option(
            "--error-map",
            help="Write the expected error of each voxel, too, as NIfTI: scale² times the work.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")] = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            help="Leave out scans whose results stand already, of the same scan, model and settings.",
        ),
    ] = False,
) -> None:
    """Enhance scans: NIfTI, DICOM, fastMRI or M4Raw HDF5, NumPy.

    Beside each result a JSON file says which model made it, the noise and voxel size of the input and
    whether the model was trained for such, how well the result agrees with the measurement, and what to be
    careful about. A batch goes on after a scan that fails, and lists the failures at the end.

    Example:

        lfsr enhance scan.nii.gz --output enhanced
    """
    from lfsr_tf.inference.config import EnhanceConfig
    from lfsr_tf.inference.enhance import Enhancer

    config = EnhanceConfig(
        **given(
            acquired_matrix=acquired_matrix,
            pixel_budget=pixel_budget,
            dtype=dtype,
            noise_level=noise_level,
            image=image,
            plane=plane,
            views=views,
            error_map=error_map,
        )
    )
    _check_one(overwrite, skip_existing)
    chosen_format = _output_format(output_format, output)
    jobs = _planned(scans, output)
    enhancer = Enhancer(_network(model, server), config)
    with interrupted_with("Started again with --skip-existing, it goes on with the next scan."):
        replaced = {job.target for job in jobs} if overwrite else set()
        if skip_existing:
            jobs, replaced = _unfinished(jobs, enhancer, chosen_format)
        tried = {job: _try(enhancer, job, chosen_format, job.target in replaced) for job in jobs}
    raise_for_failed([job.source for job, done in tried.items() if not done], len(jobs), "enhanced")


def _check_one(overwrite: bool, skip_existing: bool) -> None:
    if overwrite and skip_existing:
        raise ConfigError("Expected --overwrite or --skip-existing. Received: both. Leave one out.")


def _planned(scans: list[Path], output: Path) -> list[Job]:
    """What is to be enhanced, and where the results go."""
    from lfsr_tf.inference.inputs import find_inputs
    from lfsr_tf.inference.jobs import plan_jobs

    found = find_inputs(scans, results=output)
    jobs = plan_jobs(found, output, named=scans)
    _tell_left_out(len(found) - len(jobs), len(found), "results of earlier runs. Name one to enhance it")
    return jobs


def _unfinished(
    jobs: list[Job], enhancer: Enhancer, output_format: OutputFormat
) -> tuple[list[Job], set[Path]]:
    """Those whose results do not stand yet, and the targets whose run was killed as it wrote them."""
    from lfsr_tf.inference.finished import is_broken_off, is_finished

    left = [job for job in jobs if not is_finished(job, enhancer, output_format)]
    _tell_left_out(len(jobs) - len(left), len(jobs), "their results stand already")
    return left, {job.target for job in left if is_broken_off(job, enhancer, output_format)}


def _tell_left_out(count: int, of: int, reason: str) -> None:
    if count:
        messages.print(f"{count} of {of} scans left out: {reason}.", soft_wrap=True)


def _network(model: Path | None, server: str | None) -> TrainedModel | RunningNetwork:
    """A model to run here, or one that runs behind a server."""
    if server is None:
        from lfsr_tf.models import load_default, load_model

        return load_default() if model is None else load_model(model)
    if model is not None:
        raise ConfigError(f"Expected --model or --server, one of them. Received: {model} and {server}.")
    from lfsr_tf.serving.clients import connect

    return connect(server)


def _output_format(name: str, output: Path) -> OutputFormat:
    from lfsr_tf.scans.nifti import is_nifti

    if name not in ("same", "nifti", "dicom"):
        raise ConfigError(f"Expected --format same, nifti or dicom. Received: {name!r}.")
    if is_nifti(output):
        if name == "dicom":
            raise ConfigError(f"Expected an output folder for --format dicom. Received: the file {output}.")
        return "nifti"
    return name  # type: ignore[return-value]


def _try(enhancer: Enhancer, job: Job, output_format: OutputFormat, overwrite: bool) -> bool:
    from lfsr_tf.inference.files import enhance_file

    try:
        result = enhance_file(
            enhancer,
            job,
            output_format=output_format,
            overwrite=overwrite,
            progress=lambda slices: progress_bar(job.source.name, slices),
        )
    except LfsrError as error:
        print_error(f"{job.source.name or job.source}: {error}")
        return False
    _report(result)
    return True


def _report(result: EnhancedFile) -> None:
    for output, sidecar in result.outputs.items():
        spacing = sidecar.spacing
        cut = f", cut to {_voxels(spacing.network_input)}" if sidecar.matrix.cut else ""
        sizes = f"{_voxels(spacing.file)}{cut} -> {_voxels(spacing.output)} in plane"
        console.print(f"{output}  {sizes}", soft_wrap=True, markup=False)
        for warning in sidecar.warnings:
            print_warning(f"{output.name}: {warning}")


def _voxels(sizes: tuple[float, float]) -> str:
    return " x ".join(f"{size:.2f}" for size in sizes) + " mm"
