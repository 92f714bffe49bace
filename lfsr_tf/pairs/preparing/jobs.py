"""The jobs of a preparation: functions of plain values, which any engine can call in any process.

A job is a JSON object with its "kind" and that function's arguments; its answer is a JSON object with the
function's "result", or with the name of an error and its message. Jobs write whole files or none, so an
engine may repeat one.
"""

from __future__ import annotations

import hashlib
import json
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from lfsr_tf import errors
from lfsr_tf.errors import LfsrError, ScanError, first_line
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.preparing.plan import PlannedImage

Job = dict[str, Any]
Answer = dict[str, Any]


class Engine(Protocol):
    """What runs jobs: worker processes on this machine, or Beam on any number of them."""

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Any]]:
        """Do all jobs, in any order.

        Yields:
            The number of a finished job and its result: a JSON value, or the `LfsrError` that it ended with.

        Raises:
            LfsrError: A process died or met an error that is not about its input.
        """


def answer(job: Job, kinds: Mapping[str, Callable[..., Any]]) -> Answer:
    """Do one job; an error is an answer, too."""
    arguments = {name: value for name, value in job.items() if name != "kind"}
    try:
        return {"result": kinds[job["kind"]](**arguments)}
    except LfsrError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        message = "Not enough memory. Use fewer workers; what is done is kept."
        return {"error": "OutOfMemoryError", "message": message}
    except Exception as error:
        traceback.print_exc()
        # TensorFlow's error of too little memory or disk, by name: it is not imported for every job.
        return _exhausted(error) if type(error).__name__ == "ResourceExhaustedError" else _crash(error)


def _exhausted(error: Exception) -> Answer:
    said = first_line(error)
    if re.search("space left|quota", said, re.IGNORECASE):
        return {"error": "OutputError", "message": f"Cannot write: {said}. Check the free space."}
    message = f"Not enough memory ({said}). Use fewer workers; what is done is kept."
    return {"error": "OutOfMemoryError", "message": message}


def _crash(error: Exception) -> Answer:
    return {"error": "crash", "message": f"{type(error).__name__}: {error}"}


def result_of(answered: Answer) -> Any:
    """The result of a job, or the error that it ended with, as an object."""
    if "error" not in answered:
        return answered["result"]
    kind = getattr(errors, answered["error"], None)
    if kind is None:
        return LfsrError(f"An error that lfsr_tf does not know: {answered['message']}.")
    return kind(answered["message"])


def find(path: str, split: str) -> list[dict[str, str]]:
    """The scans that a path stands for, as the fields of `Listed`."""
    from lfsr_tf.pairs.preparing.listing import list_scans

    return [vars(listed) for listed in list_scans(Path(path), split)]


def hash_scan(name: str, path: str, repetitions: Sequence[str] = ()) -> dict[str, str]:
    """The fields of `Source` that its files tell: the hash, or why there is none, for `cache_scan`."""
    from lfsr_tf.pairs.preparing import listing

    try:
        return {"sha256": listing.hash_scan(Path(path), [Path(other) for other in repetitions]), "fault": ""}
    except OSError as error:
        fault = (
            f"Expected a scan that can be read. Received: {error.filename or path}: "
            f"{error.strerror or error}. Check the rights to it, and copy it again."
        )
    except ScanError as error:
        fault = str(error)
    # Neither the place of a scan nor the words of a fault tell records apart.
    unreadable = json.dumps([name, "unreadable"])
    return {"sha256": hashlib.sha256(unreadable.encode()).hexdigest(), "fault": fault}


def cache_scan(folder: str, number: int, source: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Cache the HR slices of one scan; of which no hash tells what it holds, it cannot be used."""
    if source["fault"]:
        raise ScanError(source["fault"])
    from lfsr_tf.pairs.preparing import slice_cache
    from lfsr_tf.pairs.preparing.sources import Source

    return slice_cache.cache_scan(Path(folder), number, Source(**source), PairsConfig.from_json(config))


def make_shard(target: str, **planned: Any) -> None:
    """Write one shard of records; `planned` are the arguments of `planned_records`."""
    from lfsr_tf.pairs.records import write_shard

    write_shard(Path(target), planned_records(**planned))


def planned_records(
    cache: str, images: list[list[int]], volumes: list[dict[str, Any]], config: dict[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """The records of one shard, whatever they are written as.

    Args:
        cache: Folder of the cached slices.
        images: The fields of each `PlannedImage`.
        volumes: The fields of each `Volume` that they come from.
        config: Settings of the pairs.
    """
    from lfsr_tf.pairs.preparing.shards import shard_records

    labels = {(volume["source"], volume["volume"]): volume for volume in volumes}
    chosen = [PlannedImage(*values) for values in images]
    return shard_records(Path(cache), chosen, labels, PairsConfig.from_json(config))


JOBS: dict[str, Callable[..., Any]] = {
    "find": find,
    "hash": hash_scan,
    "scan": cache_scan,
    "shard": make_shard,
}
