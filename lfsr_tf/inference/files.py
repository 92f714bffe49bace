"""From a scan on disk to an enhanced scan on disk, with its sidecar: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lfsr_tf.errors import ConfigError, OutputError
from lfsr_tf.inference.enhance import Enhancer
from lfsr_tf.inference.sidecar import Sidecar, write_sidecar
from lfsr_tf.scans import read_volumes
from lfsr_tf.scans.dicom_write import is_instance, write_dicom
from lfsr_tf.scans.naming import SCAN_SUFFIXES
from lfsr_tf.scans.nifti import is_nifti, write_nifti
from lfsr_tf.scans.scan import Scan
from lfsr_tf.storage import check_replaceable, exists, is_taken, move_into_place, staging_folder

OutputFormat = Literal["same", "nifti", "dicom"]
Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Job:
    """One input and where its result goes.

    Attributes:
        source: A file, or the folder of a DICOM series.
        target: Path of the result without its suffix; of a series, the volumes' numbers are added to it.
        suffix: Of NIfTI output.
    """

    source: Path
    target: Path
    suffix: str = ".nii.gz"

    @property
    def sidecar(self) -> Path:
        """The JSON file beside the result."""
        return self.target.with_name(f"{self.target.name}.json")


@dataclass(frozen=True)
class EnhancedFile:
    """What was written for one input.

    Attributes:
        outputs: Each written file, or folder of a DICOM series, with what is known of it.
        sidecar: The JSON file that holds the same.
    """

    outputs: dict[Path, Sidecar]
    sidecar: Path


def enhance_file(
    enhancer: Enhancer,
    job: Job,
    *,
    output_format: OutputFormat = "same",
    plane: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> EnhancedFile:
    """Enhance every volume of one input and write the results.

    Args:
        enhancer: The model, made ready.
        job: Input and target.
        output_format: "same": a derived DICOM series for DICOM, NIfTI for all else; or one of the two.
        plane: Enhance slices of this plane instead of the acquired one.
        overwrite: Replace earlier results; the input itself is never replaced.
        progress: Told the number of slices, opens what is told the slices that were finished, as
            `progress_bar` does.

    Returns:
        What was written.

    Raises:
        ScanError: The input cannot be read or is unsuitable.
        ConfigError: The acquired matrix does not fit the scan.
        OutputError: A result stands already or cannot be written; nothing new is left behind, and earlier
            results are as they were.
    """
    check_target(job, overwrite)
    scans = read_volumes(job.source, slice_axis=plane)
    targets = [_named(job, scan, number, len(scans), output_format) for number, scan in enumerate(scans, 1)]
    for target in targets:
        _check_free(target, job.source, overwrite)
    slices = sum(scan.voxels.shape[scan.slice_axis] for scan in scans)
    sidecars: list[Sidecar] = []
    with staging_folder(job.target, meant_for=job.target.parent) as folder:
        staged = [folder / target.name for target in targets]
        with progress(slices) if progress is not None else nullcontext() as advance:
            for path, scan in zip(staged, scans, strict=True):
                enhanced = enhancer(scan, advance)
                _write(enhanced.scan, path, enhanced.sidecar)
                sidecars.append(enhanced.sidecar)
        write_sidecar(folder / job.sidecar.name, job.source, dict(zip(staged, sidecars, strict=True)))
        for target in (*targets, job.sidecar):
            move_into_place(folder / target.name, target)
    return EnhancedFile(dict(zip(targets, sidecars, strict=True)), job.sidecar)


def plan_jobs(sources: Iterable[tuple[Path, Path]], output: Path) -> list[Job]:
    """Name the results of many inputs.

    Args:
        sources: Each input with the folder that it was found in; the folders below that one are kept in the
            output.
        output: A folder; or, for a single input, the name of a NIfTI file.

    Returns:
        One job an input; the results are named after the inputs with `_sr`.

    Raises:
        ConfigError: Two inputs would get one name, or a file name was given for several inputs.
    """
    pairs = list(sources)
    if is_nifti(output):
        if len(pairs) != 1:
            raise ConfigError(
                f"Expected an output folder for {len(pairs)} scans. Received: the file {output}."
            )
        stem = _stem(output)
        return [Job(pairs[0][0], output.with_name(stem), suffix=output.name[len(stem) :])]
    jobs: dict[Path, Job] = {}
    for source, base in pairs:
        target = output / source.parent.relative_to(base) / result_name(source)
        if target in jobs:
            raise ConfigError(
                f"Expected scans of different names. Received: {jobs[target].source} and {source}, "
                f"which would both become {target}. Give the folder above them, or enhance them one by one."
            )
        jobs[target] = Job(source, target)
    return list(jobs.values())


def check_target(job: Job, overwrite: bool) -> None:
    """Refuse early what cannot be written at the end.

    Raises:
        OutputError: A folder on the way is a file, or the sidecar stands already.
    """
    folder = job.target.parent
    while not exists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise OutputError(f"Cannot write {job.target}: {folder} is a file. Choose another output folder.")
    _check_free(job.sidecar, job.source, overwrite)


def result_name(source: Path) -> str:
    """Name of a scan's result, without its suffix.

    Args:
        source: A file, or the folder of a DICOM series.
    """
    return f"{_stem(source)}_sr"


def _stem(path: Path) -> str:
    return path.name if path.is_dir() else SCAN_SUFFIXES.sub("", path.name)


def _named(job: Job, scan: Scan, number: int, count: int, output_format: OutputFormat) -> Path:
    name = job.target.name if count == 1 else f"{job.target.name}_v{number:0{len(str(count))}d}"
    if output_format == "dicom" and scan.format != "dicom":
        raise ConfigError(
            f"Expected a DICOM scan to derive DICOM from. Received: {job.source}, which is {scan.format}. "
            "Use --format nifti."
        )
    as_dicom = scan.format == "dicom" and output_format != "nifti"
    return job.target.with_name(name if as_dicom else f"{name}{job.suffix}")


def _check_free(target: Path, source: Path, overwrite: bool) -> None:
    if is_taken(target) and target.resolve() == source.resolve():
        raise OutputError(
            f"Expected an output other than the input. Received: {target}. Choose another folder."
        )
    if is_taken(target) and not overwrite:
        raise OutputError(
            f"Expected a new output. Received: {target}, which exists. Give --overwrite to replace it."
        )
    if target.is_dir():
        check_replaceable(target, is_instance)


def _write(scan: Scan, target: Path, sidecar: Sidecar) -> None:
    if is_nifti(target):
        write_nifti(scan, target)
        return
    model = sidecar.model
    derivation = f"Super-resolution x{model.scale} by {model.network} {model.name} {model.version}"
    write_dicom(scan, target, derivation=derivation)
