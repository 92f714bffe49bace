"""One worker process of a preparation: reads jobs as JSON lines, answers with JSON lines.

A process of its own, started by its module's name and not by `multiprocessing`, so that a script or a
notebook needs no `if __name__ == "__main__"`. Its standard input closes when the preparation ends, however it
ends (kill -9 included), and then the worker leaves at once: no orphan goes on writing.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import IO

from lfsr_tf.lean_import import import_tensorflow
from lfsr_tf.pairs.preparing.jobs import JOBS, Job, answer


def main() -> None:
    """Answer jobs until standard input closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever a library prints must not stand between the answers.
    os.dup2(2, 1)
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_read_jobs, args=(sys.stdin, jobs), daemon=True).start()
    _use_one_thread()
    while True:
        print(json.dumps(answer(jobs.get(), JOBS)), file=answers, flush=True)


def _read_jobs(lines: IO[str], jobs: queue.SimpleQueue[Job]) -> None:
    for line in lines:
        jobs.put(json.loads(line))
    os._exit(0)


def _use_one_thread() -> None:
    """One TensorFlow thread a worker: the workers themselves fill the cores."""
    import_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


if __name__ == "__main__":
    main()
