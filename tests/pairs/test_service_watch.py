"""Waiting ends where a service is silent, whatever takes long, and only there."""

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
import tensorflow as tf

from lfsr_tf.errors import ServiceError
from lfsr_tf.pairs import service_watch
from lfsr_tf.pairs.remote import error_of_service
from lfsr_tf.pairs.service_watch import _missing, awaited, while_it_answers

# On a system's port that nobody has given out no one listens.
NOBODY = "127.0.0.1:1"


@contextmanager
def dispatcher(*workers: str) -> Iterator[str]:
    """A server that names these workers, or itself; its address."""
    cluster = tf.train.ClusterDef()
    ask = grpc.unary_unary_rpc_method_handler(lambda *_: cluster.SerializeToString())
    service = grpc.method_handlers_generic_handler("tensorflow.data.DispatcherService", {"GetWorkers": ask})
    server = grpc.server(ThreadPoolExecutor(1), [service])
    own = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    for worker in workers or (own,):
        cluster.job.add(name=worker)
    server.start()
    try:
        yield f"grpc://{own}"
    finally:
        server.stop(None).wait()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., threading.Event]:
    """Has the service answer so, one question a second; the event comes after the last one."""

    def give(*missing: str) -> threading.Event:
        clock, left, all_given = itertools.count(), list(missing), threading.Event()

        def answer(_: str) -> str:
            if len(left) == 1:
                all_given.set()
            return left.pop(0) if left else ""

        monkeypatch.setattr(service_watch, "_missing", answer)
        monkeypatch.setattr(service_watch, "ASK_S", 0.01)
        monkeypatch.setattr(service_watch, "SILENCE_S", 2.5)
        monkeypatch.setattr(service_watch, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        return all_given

    return give


def test_what_takes_long_is_waited_for_while_the_service_answers(
    answers: Callable[..., threading.Event],
) -> None:
    assert awaited(answers(*[""] * 20).wait, "grpc://a:1")


def test_a_service_that_answers_again_in_time_is_waited_for(answers: Callable[..., threading.Event]) -> None:
    assert awaited(answers(*["its dispatcher", "any of its workers", ""] * 5).wait, "grpc://a:1")


def test_a_service_that_does_not_is_an_error(answers: Callable[..., threading.Event]) -> None:
    never = answers("", *["its dispatcher"] * 9).wait
    with pytest.raises(
        ServiceError, match=r"at grpc://a:1\. Received: no answer from its dispatcher for 2\.5 s"
    ):
        awaited(never, "grpc://a:1")


def test_a_dispatcher_and_one_of_its_workers_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with dispatcher() as service:
        assert _missing(service) == ""
    with dispatcher() as own, dispatcher(NOBODY, own.removeprefix("grpc://")) as service:
        assert _missing(service) == ""
    monkeypatch.setattr(service_watch, "ASK_S", 2.0)
    with dispatcher(NOBODY) as service:
        assert _missing(service) == "any of its workers"
    assert _missing(service) == "its dispatcher"


@pytest.mark.slow
def test_a_service_that_was_never_there_is_an_error_and_the_process_ends(pairs_records: Path) -> None:
    code = (
        "import sys; from lfsr_tf.pairs import PipelineConfig, service_watch, training_data;"
        "service_watch.SILENCE_S, service_watch.ASK_S = 0.0, 0.5;"
        f"training_data(sys.argv[1], 4, options=PipelineConfig(service='grpc://{NOBODY}'))"
    )
    command = [sys.executable, "-c", code, str(pairs_records)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 1
    assert f"ServiceError: Expected pairs from the tf.data service at grpc://{NOBODY}" in done.stderr


def test_elements_pass_in_their_order_and_errors_as_they_are() -> None:
    def fails() -> Iterator[int]:
        yield from (3, 1, 2)
        raise tf.errors.DataLossError(None, None, "a record")

    elements = while_it_answers(fails(), f"grpc://{NOBODY}")
    assert [next(elements) for _ in range(3)] == [3, 1, 2]
    with pytest.raises(tf.errors.DataLossError, match="a record"):
        next(elements)
    assert list(while_it_answers([], f"grpc://{NOBODY}")) == []


def test_a_dispatcher_that_was_started_again_has_lost_the_pairs() -> None:
    def fails() -> Iterator[int]:
        raise tf.errors.NotFoundError(None, None, "Unknown client. Caused by a dispatcher restart.")
        yield

    with pytest.raises(ServiceError, match="Received: a dispatcher that was started again"):
        list(while_it_answers(fails(), "grpc://a:1"))


def test_the_error_passes_through_tensorflow() -> None:
    def generate() -> Iterator[int]:
        yield 1
        raise ServiceError("Expected a. Received: b: c. Do d.")

    pairs = tf.data.Dataset.from_generator(generate, output_signature=tf.TensorSpec((), tf.int32)).batch(1)
    with pytest.raises(tf.errors.OpError) as caught:
        list(pairs)
    assert str(error_of_service(caught.value)) == "Expected a. Received: b: c. Do d."
    assert error_of_service(tf.errors.UnknownError(None, None, "another")) is None
