"""A run that is broken off ends soon, says why, and changes nothing for the others."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.refusal import Code, RefusalError
from tests.serving.server.factor_model import IMAGE, save_factor_model

HOURS = {"image": IMAGE * np.float32(1e7)}


@pytest.fixture
def servable(tmp_path: Path) -> Iterator[Servable]:
    """Runs two at once."""
    loaded = Servable(save_factor_model(tmp_path / "1", 3.0), 2)
    yield loaded
    loaded.close()


def broken_off(servable: Servable, after: float) -> float:
    """Seconds that a run without end went on after its caller had left."""
    caller = Caller()
    timer = threading.Timer(after, caller.leave)
    started = time.monotonic()
    timer.start()
    with pytest.raises(RefusalError) as refusal:
        servable.predict("slow", HOURS, (), caller)
    assert refusal.value.code == Code.CANCELLED
    return time.monotonic() - started - after


@pytest.mark.parametrize("after", [0.0, 0.05, 0.5])
def test_a_run_ends_when_its_caller_leaves(after: float, servable: Servable) -> None:
    assert broken_off(servable, after) < 10.0


def test_runs_beside_it_and_after_it_are_right_whenever_it_is_broken_off(servable: Servable) -> None:
    stop = threading.Event()

    def others() -> set[float]:
        found = set()
        while not stop.is_set():
            found.add(float(servable.predict("slow", {"image": IMAGE * 3})["sr"].max()))
        return found

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(others)
        try:
            for step in range(30):
                broken_off(servable, step / 1000)
        finally:
            stop.set()
        assert asked.result(10.0) == {9.0}


def test_a_caller_that_leaves_at_the_very_end_spoils_no_later_run(servable: Servable) -> None:
    for step in range(60):
        caller = Caller()
        threading.Timer(step / 10_000, caller.leave).start()
        try:
            servable.predict("", {"image": IMAGE}, (), caller)
        except RefusalError as refusal:
            assert refusal.code == Code.CANCELLED
        assert servable.predict("", {"image": IMAGE})["sr"].max() == 3.0


def test_who_has_left_runs_nothing_and_the_first_reason_counts() -> None:
    caller, told = Caller(), []
    with caller.told(lambda: told.append(1)):
        caller.leave(RefusalError(Code.DEADLINE_EXCEEDED, "late"))
        caller.leave()
    with caller.told(lambda: told.append(2)):
        pass
    assert told == [1, 2]
    with pytest.raises(RefusalError, match="late"):
        caller.check()
