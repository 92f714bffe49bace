"""`lfsr inspect`: what a scan is, before anything is done to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lfsr_tf.cli.console import console, print_error, print_warning, raise_for_failed
from lfsr_tf.cli.quiet import with_quiet_tensorflow
from lfsr_tf.errors import LfsrError

if TYPE_CHECKING:
    from lfsr_tf.inference.describe import ScanFacts


@with_quiet_tensorflow
def inspect(
    scans: Annotated[
        list[Path],
        typer.Argument(
            help="Scan files, DICOM series folders, or folders to search for scans.", readable=False
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, a list with one entry a volume.")
    ] = False,
) -> None:
    """Say what a scan is: geometry, contrast, noise, and whether it was interpolated.

    Warns where the spectrum has an empty rim, that is, where the scan was zero-filled or interpolated after
    the acquisition, and suggests the `--acquired-matrix` to enhance it with.

    Example:

        lfsr inspect scan.nii.gz
    """
    from lfsr_tf.inference.inputs import find_inputs

    paths = [path for path, _ in find_inputs(scans)]
    failures: list[Path] = []
    described: list[dict[str, Any]] = []
    for path, volume, facts in _facts(paths, failures):
        described.append({"path": str(path), "volume": volume, **asdict(facts)})
        if not as_json:
            _print(path, volume, facts)
    if as_json:
        console.print_json(json.dumps(described, allow_nan=False))
    if failures and len(paths) == 1:
        raise typer.Exit(1)  # its own message says all
    raise_for_failed(failures, len(paths), "read")


def _facts(paths: list[Path], failures: list[Path]) -> Iterator[tuple[Path, int, ScanFacts]]:
    """Each volume of each scan, numbered from 1; scans that cannot be read go into `failures`."""
    from lfsr_tf.inference.describe import describe_scan
    from lfsr_tf.scans import read_volumes

    for path in paths:
        try:
            for volume, scan in enumerate(read_volumes(path), start=1):
                yield path, volume, describe_scan(scan)
        except LfsrError as error:
            print_error(f"{path.name}: {error}")
            failures.append(path)


def _print(path: Path, volume: int, facts: ScanFacts) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=escape(f"{path}" if volume == 1 else f"{path}, volume {volume}"),
        show_header=False,
        title_justify="left",
    )
    for name, value in _rows(facts):
        table.add_row(name, escape(value))
    console.print(table)
    for warning in facts.warnings:
        print_warning(f"{path.name}: {warning}")


def _rows(facts: ScanFacts) -> Iterator[tuple[str, str]]:
    first, second = facts.spectrum
    yield "format", facts.format + (", with k-space" if facts.has_kspace else "")
    yield "subject, contrast", f"{facts.subject}, {facts.contrast}"
    yield "matrix", _sizes(facts.matrix)
    yield "voxels", f"{_sizes(facts.voxel_sizes_mm, '.3f')} mm"
    yield (
        "orientation",
        f"{facts.orientation}, origin at ({', '.join(f'{value:.1f}' for value in facts.origin_mm)}) mm",
    )
    yield "slices", f"{facts.slices} {facts.plane}, along axis {facts.slice_axis}"
    yield (
        "acquired matrix",
        "not in the file" if facts.acquired_matrix is None else _sizes(facts.acquired_matrix),
    )
    yield (
        "spectrum filled up to",
        f"{first.occupied} x {second.occupied} of {first.matrix} x {second.matrix} in plane",
    )
    yield "reference intensity", f"{facts.reference_intensity:.4g} (99.9th percentile)"
    yield "noise", _noise(facts)
    yield "tissue SNR", "unknown" if facts.snr is None else f"{facts.snr:.1f}"


def _sizes(values: Sequence[float], style: str = "d") -> str:
    return " x ".join(format(value, style) for value in values)


def _noise(facts: ScanFacts) -> str:
    if facts.sigma is None or facts.sigma_relative is None:
        return f"unknown: {facts.noise_reason}"
    coils = "1 coil" if facts.coils == 1 else f"{facts.coils} coils"
    return (
        f"sigma {facts.sigma:.4g}, {facts.sigma_relative:.4f} of the reference, {coils} "
        f"(from the {facts.noise_method}: {facts.noise_reason})"
    )
