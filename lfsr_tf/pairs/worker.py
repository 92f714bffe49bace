"""One worker process of a preparation: reads jobs as JSON lines, answers with JSON lines.

A process of its own, started by path and not by `multiprocessing`, so that a script or a notebook needs no
`if __name__ == "__main__"`. Its standard input closes when the preparation ends, however it ends (kill -9
included), and then the worker leaves at once: no orphan goes on writing.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from lfsr_tf.errors import LfsrError
from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.plan import PlannedImage

Job = dict[str, Any]


def main() -> None:
    """Answer jobs until standard input closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever a library prints must not stand between the answers.
    os.dup2(2, 1)
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_read_jobs, args=(sys.stdin, jobs), daemon=True).start()
    _use_one_thread()
    while True:
        print(json.dumps(_answer(jobs.get())), file=answers, flush=True)


def _read_jobs(lines: IO[str], jobs: queue.SimpleQueue[Job]) -> None:
    for line in lines:
        jobs.put(json.loads(line))
    os._exit(0)


def _use_one_thread() -> None:
    """One thread a worker: the workers themselves fill the cores."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _answer(job: Job) -> dict[str, Any]:
    try:
        return {"result": _JOBS[job.pop("kind")](**job)}
    except LfsrError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        return {"error": "LfsrError", "message": f"Not enough memory for {job}. Use fewer workers."}
    except Exception as error:
        traceback.print_exc()
        return {"error": "crash", "message": f"{type(error).__name__}: {error}"}


def _find(path: str) -> list[tuple[str, str]]:
    from lfsr_tf.pairs.slice_cache import list_sources

    return [(name, str(found)) for name, found in list_sources(Path(path))]


def _hash(path: str) -> str:
    from lfsr_tf.pairs.slice_cache import hash_source

    return hash_source(Path(path))


def _scan(folder: str, source: int, path: str, config: dict[str, Any]) -> dict[str, Any]:
    from lfsr_tf.pairs.slice_cache import cache_scan

    return cache_scan(Path(folder), source, Path(path), PairsConfig.from_json(config))


def _shard(
    target: str, cache: str, images: list[list[int]], volumes: list[dict[str, Any]], config: dict[str, Any]
) -> None:
    from lfsr_tf.pairs.shards import make_shard

    labels = {(volume["source"], volume["volume"]): volume for volume in volumes}
    planned = [PlannedImage(*values) for values in images]
    make_shard(Path(target), Path(cache), planned, labels, PairsConfig.from_json(config))


_JOBS: dict[str, Callable[..., Any]] = {"find": _find, "hash": _hash, "scan": _scan, "shard": _shard}

if __name__ == "__main__":
    main()
