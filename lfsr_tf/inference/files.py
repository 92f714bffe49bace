"""From a scan on disk to an enhanced scan on disk, with its sidecar: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lfsr_tf.errors import ConfigError, OutputError
from lfsr_tf.inference.enhance import Enhancer
from lfsr_tf.inference.jobs import Job, earlier_results
from lfsr_tf.inference.sidecar import Sidecar, is_sidecar, write_sidecar
from lfsr_tf.scans import read_volumes
from lfsr_tf.scans.dicom.write import is_instance, write_dicom
from lfsr_tf.scans.nifti import is_nifti, write_nifti
from lfsr_tf.scans.scan import Scan
from lfsr_tf.storage import (
    check_replaceable,
    exists,
    is_taken,
    move_into_place,
    remove,
    staging_folder,
)

OutputFormat = Literal["same", "nifti", "dicom"]
Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


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
    overwrite: bool = False,
    progress: Progress | None = None,
) -> EnhancedFile:
    """Enhance every volume of one input and write the results.

    Args:
        enhancer: The model, made ready.
        job: Input and target.
        output_format: "same": a derived DICOM series for DICOM, NIfTI for all else; or one of the two.
        overwrite: Replace earlier results, and remove those that the input no longer has; neither it nor
            another input of its batch is ever replaced.
        progress: Told the number of slices, opens what is told the slices that were finished, as
            `progress_bar` does.

    Returns:
        What was written.

    Raises:
        ScanError: The input cannot be read or is unsuitable.
        ConfigError: The acquired matrix does not fit the scan, or another input's result would get the same
            name.
        OutputError: A result stands already or cannot be written; earlier results are as they were, unless
            the disk failed while finished volumes were moved to their places.
    """
    check_target(job, overwrite)
    scans = read_volumes(job.source, slice_axis=enhancer.config.plane)
    targets = [_named(job, scan, number, len(scans), output_format) for number, scan in enumerate(scans, 1)]
    outdated = [path for path in earlier_results(job) if path not in targets]
    for path in (*targets, *outdated):
        _check_free(path, job, overwrite)
    slices = sum(scan.voxels.shape[scan.slice_axis] for scan in scans)
    sidecars: list[Sidecar] = []
    with staging_folder(job.target, meant_for=job.target.parent) as folder:
        staged = [folder / target.name for target in targets]
        with progress(slices) if progress is not None else nullcontext() as advance:
            for path, scan in zip(staged, scans, strict=True):
                enhanced = enhancer(scan, advance)
                _write(enhanced.scan, path, enhanced.sidecar)
                sidecars.append(enhanced.sidecar)
        volumes = dict(zip(staged, sidecars, strict=True))
        write_sidecar(folder / job.sidecar.name, job.source, volumes, enhancer.config.recorded())
        for target in (*targets, job.sidecar):
            move_into_place(folder / target.name, target)
    for path in outdated:
        remove(path)
    return EnhancedFile(dict(zip(targets, sidecars, strict=True)), job.sidecar)


def check_target(job: Job, overwrite: bool) -> None:
    """Refuse early what cannot be written at the end.

    Raises:
        ConfigError: Another input's result would get the same name.
        OutputError: A folder on the way is a file, the sidecar stands already, or another JSON file stands
            in its place.
    """
    if job.namesakes:
        beside = job.source.parent in {path.parent for path in job.namesakes}
        raise ConfigError(
            f"Expected scans of different names. Received: {job.source}, which would become {job.target} as "
            f"would {', '.join(map(str, job.namesakes))}. "
            f"{'Rename one' if beside else 'Give the folder above them'}, or give each another output folder."
        )
    folder = job.target.parent
    while not exists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise OutputError(f"Cannot write {job.target}: {folder} is a file. Choose another output folder.")
    _check_free(job.sidecar, job, overwrite)


def _named(job: Job, scan: Scan, number: int, count: int, output_format: OutputFormat) -> Path:
    name = job.target.name if count == 1 else f"{job.target.name}_v{number:0{len(str(count))}d}"
    if output_format == "dicom" and scan.format != "dicom":
        raise ConfigError(
            f"Expected a DICOM scan to derive DICOM from. Received: {job.source}, which is {scan.format}. "
            "Use --format nifti."
        )
    as_dicom = scan.format == "dicom" and output_format != "nifti"
    return job.target.with_name(name if as_dicom else f"{name}{job.suffix}")


def _check_free(target: Path, job: Job, overwrite: bool) -> None:
    taken = is_taken(target)
    if taken and job.keeps(target):
        raise OutputError(
            f"Expected an output other than the inputs. Received: {target}, which is or holds one and would "
            "be written over. Choose another folder."
        )
    if taken and not overwrite:
        raise OutputError(
            f"Expected a new output. Received: {target}, which exists. Give --overwrite to replace it."
        )
    if taken and target == job.sidecar and not is_sidecar(target):
        raise OutputError(
            f"Expected an earlier result to replace. Received: {target}, which is no sidecar of this "
            "package. Move it, or choose another folder or name."
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
