"""A model that is asked from inside its server waits, asks again and fails as other clients do."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.serving.clients import retry
from lfsr_tf.serving.clients.failure import Failure
from lfsr_tf.serving.server.gate import Gate
from lfsr_tf.serving.server.local_client import LocalClient
from lfsr_tf.serving.server.models.store import ModelStore
from lfsr_tf.serving.server.options import ModelSource
from lfsr_tf.serving.server.refusal import RefusalError
from lfsr_tf.serving.server.service import ModelService
from tests.serving.server.factor_model import IMAGE, save_factor_model

INPUTS = {"image": IMAGE}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelStore]:
    base = tmp_path_factory.mktemp("factor")
    save_factor_model(Path(base, "3"), 3.0)
    opened = ModelStore([ModelSource("lfsr", base)], poll_seconds=60)
    opened.start()
    yield opened
    opened.close()


@pytest.fixture
def service(store: ModelStore) -> ModelService:
    """With a place for one request, and none to wait."""
    return ModelService(store, Gate(1, 0))


def test_the_version_is_the_one_that_answers(service: ModelService) -> None:
    client = LocalClient(service, "lfsr", 5.0)
    assert client.version() == 3
    np.testing.assert_array_equal(client.predict("", INPUTS, 3)["sr"], 3 * IMAGE)


def test_a_service_that_is_busy_for_a_moment_is_asked_again(
    service: ModelService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_FIRST_PAUSE_SECONDS", 0.1)
    inside = threading.Event()

    def work() -> None:
        with service.gate.turn(None):
            inside.set()
            time.sleep(0.2)

    worker = threading.Thread(target=work)
    worker.start()
    assert inside.wait(5)
    np.testing.assert_array_equal(LocalClient(service, "lfsr", 5.0).predict("", INPUTS, 3)["sr"], 3 * IMAGE)
    worker.join()


def test_a_service_that_stays_busy_is_a_failure_with_its_refusal(
    service: ModelService, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(retry.time, "sleep", pauses.append)
    with service.gate.turn(None), pytest.raises(Failure) as raised:
        LocalClient(service, "lfsr", 5.0).predict("", INPUTS, 3)
    assert raised.value.code == "RESOURCE_EXHAUSTED"
    assert isinstance(raised.value.__cause__, RefusalError)
    assert pauses == [0.5, 1.0, 2.0, 4.0]


def test_what_is_not_there_is_a_failure_at_once(service: ModelService) -> None:
    with pytest.raises(Failure) as raised:
        LocalClient(service, "nobody", 5.0).version()
    assert raised.value.code == "NOT_FOUND"
    with pytest.raises(Failure) as raised:
        LocalClient(service, "lfsr", 5.0).predict("", INPUTS, 4)
    assert raised.value.code == "NOT_FOUND"
