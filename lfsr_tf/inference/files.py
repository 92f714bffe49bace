"""From a scan on disk to an enhanced scan on disk, with its sidecar: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lfsr_tf.errors import ConfigError, OutputError, ScanError
from lfsr_tf.inference.enhance import Enhanced, Enhancer
from lfsr_tf.inference.jobs import Job, earlier_files
from lfsr_tf.inference.sidecar import Sidecar, hash_input, is_sidecar, write_sidecar
from lfsr_tf.placing import move_into_place, remove
from lfsr_tf.scans import read_volumes
from lfsr_tf.scans.dicom.write import is_instance, write_dicom
from lfsr_tf.scans.enhanced import error_map_of
from lfsr_tf.scans.nifti import is_nifti, write_nifti
from lfsr_tf.scans.scan import Scan
from lfsr_tf.signals import signals_held
from lfsr_tf.storage import check_replaceable, exists, is_taken, staging_folder

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
        ScanError: The input cannot be read, is unsuitable, or has changed meanwhile.
        ConfigError: The acquired matrix does not fit the scan, or another input's result would get the same
            name.
        OutputError: A result stands already, or was made meanwhile by another process, or cannot be written;
            earlier results are as they were, unless the disk failed while finished volumes were moved to
            their places.
    """
    check_target(job, overwrite)
    before = _hashed(job)
    scans = read_volumes(job.source, slice_axis=enhancer.config.plane)
    targets = [_named(job, scan, number, len(scans), output_format) for number, scan in enumerate(scans, 1)]
    made = [*targets, *(error_map_of(target) for target in targets if enhancer.config.error_map)]
    outdated = [path for path in earlier_files(job) if path not in made]
    for path in (*made, *outdated):
        _check_free(path, job, overwrite)
    slices = sum(scan.voxels.shape[scan.slice_axis] for scan in scans)
    with staging_folder(job.target, meant_for=job.target.parent) as folder:
        staged = [folder / target.name for target in targets]
        with progress(slices) if progress is not None else nullcontext() as advance:
            pairs = zip(staged, scans, strict=True)
            sidecars = [_write(enhancer(scan, advance), path) for path, scan in pairs]
        volumes = dict(zip(staged, sidecars, strict=True))
        read = _unchanged(job, before)
        write_sidecar(folder / job.sidecar.name, job.source, read, volumes, enhancer.config.recorded())
        _place(folder, made, job.sidecar, outdated, overwrite)
    return EnhancedFile(dict(zip(targets, sidecars, strict=True)), job.sidecar)


def _hashed(job: Job) -> dict[str, str] | None:
    try:
        return hash_input(job.source)
    except OSError:  # its reader says more
        return None


def _unchanged(job: Job, before: dict[str, str] | None) -> dict[str, str]:
    """The hashes from before the input was read, which must still be right.

    Hashing twice takes a small part of the time of enhancing, and holds where file systems give new numbers
    and times to files that have not changed.
    """
    now = _hashed(job)
    if now is None or before not in (None, now):
        raise ScanError(
            f"Expected a scan that stays as it is while it is enhanced. Received: {job.source}, which "
            "changed while it was read. Enhance it again once it is complete."
        )
    return now


def _place(
    folder: Path, targets: Sequence[Path], sidecar: Path, outdated: Sequence[Path], overwrite: bool
) -> None:
    """Move what was made to its places, in an order in which a kill leaves no wrong word.

    New results come after their sidecar, by which `is_broken_off` knows them. Where earlier ones are replaced
    their sidecar goes first, with all that the new one does not tell of: it would tell of new results.
    """
    order = (*targets, sidecar) if overwrite else (sidecar, *targets)
    placed: list[Path] = []
    with signals_held():
        for path in (*outdated, sidecar) if overwrite else ():
            remove(path)
        try:
            for target in order:
                move_into_place(folder / target.name, target, overwrite=overwrite)
                placed.append(target)
        except (OSError, OutputError):
            for path in () if overwrite else placed:
                remove(path)
            raise


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
        alone = "" if is_taken(job.sidecar) else " without a sidecar, so that nobody knows whose it is"
        raise OutputError(
            f"Expected a new output. Received: {target}, which exists{alone}. Give --overwrite to replace it."
        )
    if taken and target == job.sidecar and not is_sidecar(target):
        raise OutputError(
            f"Expected an earlier result to replace. Received: {target}, which is no sidecar of this "
            "package. Move it, or choose another folder or name."
        )
    if target.is_dir():
        check_replaceable(target, is_instance)


def _write(enhanced: Enhanced, target: Path) -> Sidecar:
    """Write a result, and its map of expected errors beside it; what is known of it comes back."""
    if enhanced.error is not None:
        write_nifti(enhanced.error, error_map_of(target))
    if is_nifti(target):
        write_nifti(enhanced.scan, target)
        return enhanced.sidecar
    model = enhanced.sidecar.model
    derivation = f"Super-resolution x{model.scale} by {model.network} {model.name} {model.version}"
    write_dicom(enhanced.scan, target, derivation=derivation)
    return enhanced.sidecar
