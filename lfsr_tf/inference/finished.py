"""Which results of an earlier run need not be made again."""

from __future__ import annotations

from dataclasses import asdict

from lfsr_tf.errors import LfsrError
from lfsr_tf.inference.enhance import Enhancer
from lfsr_tf.inference.files import OutputFormat
from lfsr_tf.inference.jobs import Job, earlier_files, earlier_results
from lfsr_tf.inference.sidecar import hash_input, is_sidecar
from lfsr_tf.scans import is_series
from lfsr_tf.scans.nifti import is_nifti
from lfsr_tf.storage import exists, read_json


def is_finished(job: Job, enhancer: Enhancer, output_format: OutputFormat) -> bool:
    """Whether an input's result stands there as it would be made now, by the word of its sidecar.

    Every output must be there; and the content of the input, the name and version of the model, its
    precision, the settings and the format must be the same. Nothing is asked of the outputs' content, of the
    model's weights, and of the version of this package.

    Args:
        job: Input and target.
        enhancer: The model, made ready.
        output_format: As of `enhance_file`.
    """
    made = earlier_files(job)
    return bool(made) and all(map(exists, made)) and _tells(job, enhancer, output_format)


def is_broken_off(job: Job, enhancer: Enhancer, output_format: OutputFormat) -> bool:
    """Whether a run that was killed left the input's sidecar, but not all of the results that it tells of.

    What is there of them would be made again just as it is, and may be replaced.

    Args:
        job: Input and target.
        enhancer: The model, made ready.
        output_format: As of `enhance_file`.
    """
    return not all(map(exists, earlier_files(job))) and _tells(job, enhancer, output_format)


def _tells(job: Job, enhancer: Enhancer, output_format: OutputFormat) -> bool:
    """Whether a sidecar tells of the results that would be made now, whether they are there or not."""
    # Of inputs that share a name, nobody knows whose result it is; `enhance_file` says so.
    if job.namesakes or not is_sidecar(job.sidecar):
        return False
    try:
        sidecar = read_json(job.sidecar)
        models = [volume["model"] for volume in sidecar["volumes"]]
        return (
            _named_so(job, len(models), output_format)
            and all(model == asdict(enhancer.model) for model in models)
            and sidecar["settings"] == enhancer.config.recorded()
            and sidecar["input"]["sha256"] == hash_input(job.source)
        )
    except (LfsrError, OSError, LookupError, TypeError):
        return False


def _named_so(job: Job, count: int, output_format: OutputFormat) -> bool:
    """Whether the outputs' names are those of the format, and no other thing stands there."""
    outputs = earlier_results(job)
    as_series = output_format == "dicom" or (output_format == "same" and is_series(job.source))
    suffix = "" if as_series else job.suffix
    return 0 < len(outputs) == count and all(
        is_nifti(path) != as_series
        and path.name.endswith(suffix)
        and (not exists(path) or path.is_dir() == as_series)
        for path in outputs
    )
