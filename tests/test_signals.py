"""What tells a process to end waits for the end of a block."""

import signal
import threading
from collections.abc import Iterator

import pytest

from lfsr_tf.signals import ENDING, signals_held


class Told(BaseException):
    """A signal was answered."""


@pytest.fixture(autouse=True)
def answered() -> Iterator[None]:
    """Have every signal raise `Told` with its number."""

    def tell(number: int, frame: object) -> None:
        raise Told(number)

    before = {each: signal.signal(each, tell) for each in ENDING}
    yield
    for each, earlier in before.items():
        signal.signal(each, earlier)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_answered_at_the_end_of_the_block(number: int) -> None:
    done = []
    with pytest.raises(Told) as told, signals_held():
        signal.raise_signal(number)
        signal.raise_signal(number)
        done.append("the block")
    assert (told.value.args, done) == ((number,), ["the block"])
    with pytest.raises(Told):
        signal.raise_signal(number)


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals_held():
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        signal.raise_signal(signal.SIGHUP)


def test_another_thread_holds_nothing_and_does_not_fail() -> None:
    entered = []

    def hold() -> None:
        with signals_held():
            entered.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert entered == [before]
