"""Waiting for a tf.data service only as long as it answers: TensorFlow's client would wait without end.

The client tries again whatever a lost process may bring back and has no deadline that could be set
(`tensorflow/core/data/service/client/data_service_client.cc`). So while something is awaited, the dispatcher
is asked for its workers and each worker for a connection. How long an answer takes does not matter.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack
from typing import Any, TypeVar

import tensorflow as tf

from lfsr_tf.errors import ServiceError

# Seconds without an answer after which the service is lost: enough to start another dispatcher or worker.
SILENCE_S = 60.0
# Seconds to wait before a question, and for the answer.
ASK_S = 5.0
_GET_WORKERS = "/tensorflow.data.DispatcherService/GetWorkers"
_END = object()
Result = TypeVar("Result")


def while_it_answers(arriving: Iterable[Any], service: str) -> Iterator[Any]:
    """The elements of a data set that a service makes.

    Args:
        arriving: The data set.
        service: Address of the dispatcher, "grpc://127.0.0.1:5050".

    Yields:
        Its elements.

    Raises:
        ServiceError: One is awaited, and the dispatcher, or every worker, has not answered for `SILENCE_S`;
            or the dispatcher was started again and knows nothing of them.
    """
    try:
        elements = awaited(lambda: iter(arriving), service)
        while (element := awaited(lambda: next(elements, _END), service)) is not _END:
            yield element
    except tf.errors.NotFoundError as error:
        if "dispatcher restart" not in error.message:
            raise
        raise _lost(service, "a dispatcher that was started again") from error


def awaited(work: Callable[[], Result], service: str) -> Result:
    """Do what waits for a service.

    Args:
        work: In a thread of its own, since nothing interrupts TensorFlow: a lost service leaves it waiting.
        service: Address of the dispatcher, "grpc://127.0.0.1:5050".

    Returns:
        What `work` does.

    Raises:
        ServiceError: The dispatcher, or every worker, has not answered for `SILENCE_S`.
    """
    done: Future[Result] = Future()
    threading.Thread(target=_settle, args=(done, work), daemon=True).start()
    answered = time.monotonic()
    while not wait([done], ASK_S).done:
        missing = _missing(service)
        if not missing:
            answered = time.monotonic()
        elif time.monotonic() - answered > SILENCE_S and not done.done():
            raise _lost(service, f"no answer from {missing} for {SILENCE_S:g} s")
    return done.result()


def _settle(done: Future[Result], work: Callable[[], Result]) -> None:
    try:
        done.set_result(work())
    # Whatever it is, it belongs to the one who waits.
    except BaseException as error:
        done.set_exception(error)


def _missing(service: str) -> str:
    """What of a service does not answer; nothing where the dispatcher and a worker do."""
    # Here, since other trainings need it not.
    import grpc

    with grpc.insecure_channel(service.removeprefix("grpc://")) as channel:
        # A GetWorkersResponse stands in bytes like a cluster, a worker's address like the name of a job.
        ask = channel.unary_unary(_GET_WORKERS, response_deserializer=tf.train.ClusterDef.FromString)
        try:
            workers = [worker.name for worker in ask(b"", timeout=ASK_S, wait_for_ready=True).job]
        except grpc.RpcError:
            return "its dispatcher"
    return "" if _any_connects(workers) else "any of its workers"


def _any_connects(addresses: Sequence[str]) -> bool:
    """All are tried at once: there may be many dead ones."""
    import grpc

    connected = threading.Event()
    with ExitStack() as stack:
        for address in addresses:
            channel = stack.enter_context(grpc.insecure_channel(address))
            ready = grpc.channel_ready_future(channel)
            ready.add_done_callback(lambda _: connected.set())
            stack.callback(ready.cancel)
        found = connected.wait(ASK_S)
    return found


def _lost(service: str, received: str) -> ServiceError:
    return ServiceError(
        f"Expected pairs from the tf.data service at {service}. Received: {received}. See that dispatcher "
        "and workers run, and start the run again: it goes on after its last complete epoch."
    )
