"""`lfsr simulate`: a high-field scan as a low-field scanner would have given it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lfsr_tf.cli.console import console, print_error, progress_bar, raise_for_failed
from lfsr_tf.cli.given import AcquisitionOption, acquisition_of, given
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
        float,
        typer.Option(
            help="Standard deviation of the noise in the real, and in the imaginary, part of the image, as a "
            "fraction of the 99.9th percentile of the noise-free LR volume."
        ),
    ] = 0.03,
    seed: Annotated[int, typer.Option(help="Another seed gives other noise.")] = 0,
    scale: Annotated[int | None, typer.Option(help="HR pixels for each LR pixel: 2 or 4.")] = None,
    hr_size: Annotated[
        int | None, typer.Option(help="Matrix that the scan is taken to before it is degraded.")
    ] = None,
    acquisition: AcquisitionOption = None,
    plane: Annotated[str | None, typer.Option(help="acquired, axial, coronal or sagittal.")] = None,
    keep_hr: Annotated[bool, typer.Option("--keep-hr", help="Write the noise-free HR scan as well.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace earlier results, never a scan.")
    ] = False,
) -> None:
    """Simulate low-field acquisitions of high-field scans: k-space crop, complex noise, magnitude.

    Writes NIfTI in the right place in the patient, with the noise level and the settings in a JSON file
    beside it. A scan that cannot be used is named at the end; the others are simulated.

    Example:

        lfsr simulate scan.nii.gz phantom:7:T2w --output lowfield --sigma 0.04 --keep-hr
    """
    from lfsr_tf.pairs.config import PairsConfig

    scanner = acquisition_of(acquisition)
    config = PairsConfig(**given(scale=scale, hr_size=hr_size, plane=plane, acquisition=scanner), lr_patch=0)
    _check_sigma(sigma)
    targets = _targets(scans, output)
    failed = []
    with progress_bar("Simulating", len(scans)) as advance:
        for name, target in zip(scans, targets, strict=True):
            try:
                volumes = _read(name)
                places = _places(target, len(volumes), keep_hr)
                _check_free(places, scans, overwrite)
                written = _simulate_file(volumes, places, sigma, config, seed)
            except LfsrError as error:
                print_error(str(error))
                failed.append(name)
            else:
                for path in written:
                    console.print(str(path), soft_wrap=True, markup=False)
            advance(1)
    raise_for_failed(failed, len(scans), "simulated")


def _check_sigma(sigma: float) -> None:
    if not 0.0 <= sigma < 1.0:
        raise ConfigError(
            f"Expected --sigma in [0, 1). Received: {sigma}. Real 0.055 T scans have 0.02 to 0.05."
        )


def _targets(scans: list[str], output: Path) -> list[Path]:
    from lfsr_tf.scans.naming import without_suffix
    from lfsr_tf.scans.nifti import is_nifti

    if is_nifti(output):
        if len(scans) > 1:
            raise OutputError(f"Expected a folder for {len(scans)} scans. Received: {output}.")
        return [output]
    stems = [without_suffix(Path(name).name).replace(":", "-") for name in scans]
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
    if not (seed.isascii() and seed.isdigit()):
        raise ConfigError(
            f"Expected phantom:SEED or phantom:SEED:CONTRAST, such as phantom:7:T2w. Received: {name}."
        )
    return [phantom_scan(int(seed), contrast or "T1w")]


@dataclass(frozen=True)
class _Place:
    """Where the results of one volume go: LR, HR if it is kept, and what is known of them."""

    scans: tuple[Path, ...]
    sidecar: Path


def _places(target: Path, volumes: int, keep_hr: bool) -> list[_Place]:
    """Of every volume of one input; a series gets the volume's number in its names."""
    from lfsr_tf.scans.naming import without_suffix

    stem = without_suffix(target.name)
    suffix = target.name.removeprefix(stem)
    stems = [stem] if volumes == 1 else [f"{stem}-{number:03d}" for number in range(volumes)]
    names = [(f"{each}{suffix}", f"{each.removesuffix('_lr')}_hr{suffix}") for each in stems]
    return [
        _Place(
            tuple(target.with_name(name) for name in (lr, hr)[: 1 + keep_hr]),
            target.with_name(f"{each}.json"),
        )
        for each, (lr, hr) in zip(stems, names, strict=True)
    ]


def _simulate_file(
    volumes: list[Scan], places: list[_Place], sigma: float, config: PairsConfig, seed: int
) -> list[Path]:
    """Simulate every volume of one input; gives the scans that were written."""
    from lfsr_tf.pairs.simulate import simulate_scan
    from lfsr_tf.scans import write_scan
    from lfsr_tf.storage import write_json

    for number, (scan, place) in enumerate(zip(volumes, places, strict=True)):
        simulated = simulate_scan(scan, sigma, config, seed=seed, volume=number)
        for path, result in zip(place.scans, (simulated.lr, simulated.hr), strict=False):
            write_scan(result, path)
        write_json(place.sidecar, simulated.sidecar(config))
    return [path for place in places for path in place.scans]


def _check_free(places: list[_Place], scans: list[str], overwrite: bool) -> None:
    """Refuse to write over any of the scans that were given, and over other files unless told to."""
    from lfsr_tf.storage import exists, is_taken

    inputs = [Path(name) for name in scans if exists(Path(name))]
    for path in (path for place in places for path in (*place.scans, place.sidecar) if is_taken(path)):
        if any(path.samefile(scan) for scan in inputs):
            raise OutputError(f"Expected an output other than the scans themselves. Received: {path}.")
        if not overwrite:
            raise OutputError(
                f"Expected a new file. Received: {path}, which exists. Give --overwrite or another name."
            )
