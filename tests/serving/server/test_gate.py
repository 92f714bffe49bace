"""Some requests run, some wait, the rest are refused; and what is held is given back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, strategies as st

from lfsr_tf.serving.server.gate import ByteBudget, Gate
from lfsr_tf.serving.server.refusal import Code, RefusalError


def test_no_more_run_at_once_than_may_and_all_that_may_wait_get_their_turn() -> None:
    gate, lock, counts = Gate(running=2, waiting=6), threading.Lock(), [0, 0]

    def work(_: int) -> None:
        with gate.turn(timeout=10.0):
            with lock:
                counts[0] += 1
                counts[1] = max(counts)
            time.sleep(0.01)
            with lock:
                counts[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert counts == [0, 2]
    assert gate.inside == 0


def test_one_too_many_is_refused_at_once_and_takes_no_place() -> None:
    gate = Gate(running=1, waiting=0)
    with gate.turn(None):
        for _ in range(3):
            with pytest.raises(RefusalError, match="at most 1 requests at once") as refusal, gate.turn(9.0):
                pass
            assert refusal.value.code == Code.RESOURCE_EXHAUSTED
            assert gate.inside == 1


def test_a_turn_that_takes_too_long_to_come_is_given_up() -> None:
    gate = Gate(running=1, waiting=1)
    with gate.turn(None):
        for _ in range(3):  # each gives its place back
            with pytest.raises(RefusalError, match=r"within 0\.0 seconds") as refusal, gate.turn(0.001):
                pass
            assert refusal.value.code == Code.DEADLINE_EXCEEDED
    assert gate.inside == 0


@pytest.mark.parametrize("endless", [float("inf"), 1e12, None])
def test_a_deadline_without_end_is_waited_for(endless: float | None) -> None:
    gate, done = Gate(running=1, waiting=1), threading.Event()

    def wait() -> None:
        with gate.turn(endless):
            done.set()

    with gate.turn(None):
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert not done.wait(0.05)
    assert done.wait(5.0)
    waiter.join()


def test_work_that_fails_gives_its_turn_back() -> None:
    gate = Gate(running=1, waiting=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.turn(0.0):
            raise ZeroDivisionError
    assert gate.inside == 0


@given(st.lists(st.integers(0, 40), max_size=30))
def test_a_budget_holds_exactly_what_was_taken_and_not_given_back(amounts: list[int]) -> None:
    budget, held = ByteBudget(100), []
    for amount in amounts:
        fits = sum(held) + amount <= 100
        try:
            budget.take(amount)
        except RefusalError as refusal:
            assert not fits
            assert refusal.code == Code.RESOURCE_EXHAUSTED
            budget.give_back(held.pop(0))
        else:
            assert fits
            held.append(amount)
    budget.take(100 - sum(held))
    with pytest.raises(RefusalError):
        budget.take(1)


def test_work_that_fails_gives_its_bytes_back() -> None:
    budget = ByteBudget(100)
    with pytest.raises(ZeroDivisionError), budget.held(100):
        with pytest.raises(RefusalError), budget.held(1):
            pass
        raise ZeroDivisionError
    with budget.held(100):
        pass
