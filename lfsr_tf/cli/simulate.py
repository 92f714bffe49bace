"""`lfsr simulate`: a high-field scan as a low-field scanner would have given it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lfsr_tf.cli.console import console, print_error, progress_bar
from lfsr_tf.cli.quiet import with_quiet_tensorflow
from lfsr_tf.errors import ConfigError, LfsrError, OutputError

if TYPE_CHECKING:
    from lfsr_tf.pairs.config import PairsConfig
    from lfsr_tf.scans import Scan

_PHANTOM = "phantom:"


@with_quiet_tensorflow
def simulate(
    scans: Annotated[
        list[str],
        typer.Argument(
            help="Scan files, or phantom:SEED:CONTRAST for a built-in brain, such as phantom:7:T2w."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder, or for one scan a name ending in .nii or .nii.gz.")
    ],
    sigma: Annotated[
        float, typer.Option(help="Noise of one channel, a fraction of the 99.9th percentile of the image.")
    ] = 0.03,
    seed: Annotated[int, typer.Option(help="Another seed gives other noise.")] = 0,
    scale: Annotated[int | None, typer.Option(help="HR pixels for each LR pixel: 2 or 4.")] = None,
    hr_size: Annotated[
        int | None, typer.Option(help="Matrix that the scan is taken to before it is degraded.")
    ] = None,
    plane: Annotated[str | None, typer.Option(help="acquired, axial, coronal or sagittal.")] = None,
    keep_hr: Annotated[bool, typer.Option("--keep-hr", help="Write the noise-free HR scan as well.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")] = False,
) -> None:
    """Simulate low-field acquisitions of high-field scans: k-space crop, complex noise, magnitude.

    Writes NIfTI in the right place in the patient, with the noise level and the settings in a JSON file
    beside it. A scan that cannot be used is named at the end; the others are simulated.

    Example:

        lfsr simulate scan.nii.gz phantom:7:T2w --output lowfield --sigma 0.04 --keep-hr
    """
    from lfsr_tf.pairs.config import PairsConfig

    given = {"scale": scale, "hr_size": hr_size, "plane": plane, "lr_patch": 0}
    config = PairsConfig.from_json({name: value for name, value in given.items() if value is not None})
    _check_sigma(sigma)
    targets = _targets(scans, output)
    failed = []
    with progress_bar("Simulating", len(scans)) as advance:
        for name, target in zip(scans, targets, strict=True):
            try:
                written = _simulate_file(name, target, sigma, config, seed, keep_hr, overwrite)
            except LfsrError as error:
                print_error(str(error))
                failed.append(name)
            else:
                console.print("\n".join(str(path) for path in written), soft_wrap=True, markup=False)
            advance(1)
    if failed:
        raise LfsrError(f"{len(failed)} of {len(scans)} scans could not be simulated: {', '.join(failed)}.")


def _check_sigma(sigma: float) -> None:
    if not 0.0 <= sigma < 1.0:
        raise ConfigError(
            f"Expected --sigma in [0, 1). Received: {sigma}. Real 0.055 T scans have 0.02 to 0.05."
        )


def _targets(scans: list[str], output: Path) -> list[Path]:
    from lfsr_tf.scans.naming import SCAN_SUFFIXES

    if output.name.endswith((".nii", ".nii.gz")):
        if len(scans) > 1:
            raise OutputError(f"Expected a folder for {len(scans)} scans. Received: {output}.")
        return [output]
    stems = [SCAN_SUFFIXES.sub("", Path(name).name).replace(":", "-") for name in scans]
    for stem in stems:
        if stems.count(stem) > 1:
            raise OutputError(
                f"Expected scans of different names. Received: {stem} twice; both would be {stem}_lr.nii.gz."
            )
    return [output / f"{stem}_lr.nii.gz" for stem in stems]


def _read(name: str) -> list[Scan]:
    from lfsr_tf.scans import phantom_scan, read_volumes

    if not name.startswith(_PHANTOM):
        return read_volumes(name)
    seed, _, contrast = name.removeprefix(_PHANTOM).partition(":")
    if not seed.isdigit():
        raise ConfigError(
            f"Expected phantom:SEED or phantom:SEED:CONTRAST, such as phantom:7:T2w. Received: {name}."
        )
    return [phantom_scan(int(seed), contrast or "T1w")]


def _simulate_file(
    name: str, target: Path, sigma: float, config: PairsConfig, seed: int, keep_hr: bool, overwrite: bool
) -> list[Path]:
    """Simulate every volume of one input; a series gets the volume's number in its names."""
    from lfsr_tf.pairs.simulate import simulate_scan
    from lfsr_tf.scans import write_scan
    from lfsr_tf.storage import write_json

    volumes = _read(name)
    written = []
    for number, scan in enumerate(volumes):
        stem = target.name.removesuffix(".gz").removesuffix(".nii")
        numbered = stem if len(volumes) == 1 else f"{stem}-{number:03d}"
        suffix = target.name.removeprefix(stem)
        path, sidecar = target.with_name(f"{numbered}{suffix}"), target.with_name(f"{numbered}.json")
        hr_path = target.with_name(f"{numbered.removesuffix('_lr')}_hr{suffix}")
        scan_paths = [path, hr_path] if keep_hr else [path]
        for new in (*scan_paths, sidecar):
            _check_free(new, scan, overwrite)
        simulated = simulate_scan(scan, sigma, config, seed=seed, volume=number)
        for new, result in zip(scan_paths, (simulated.lr, simulated.hr), strict=False):
            write_scan(result, new)
        write_json(sidecar, simulated.sidecar(config))
        written += scan_paths
    return written


def _check_free(path: Path, scan: Scan, overwrite: bool) -> None:
    if path.exists() and scan.source is not None and path.samefile(scan.source):
        raise OutputError(f"Expected an output other than the scan itself. Received: {path}.")
    if path.exists() and not overwrite:
        raise OutputError(
            f"Expected a new file. Received: {path}, which exists. Give --overwrite or another name."
        )
