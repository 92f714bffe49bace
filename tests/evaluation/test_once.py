"""What is made once: the same for all who ask, and gone with what it was made of."""

import gc
import weakref

from lfsr_tf.evaluation.once import once


class Thing:
    """Hashed by identity."""


@once
def made_of(thing: Thing) -> list[int]:
    return [1]


def test_the_same_object_is_given_to_all_who_ask_and_another_one_for_another_object() -> None:
    first, second = Thing(), Thing()
    assert made_of(first) is made_of(first)
    assert made_of(first) is not made_of(second)


def test_nothing_keeps_an_object_whose_owner_is_gone() -> None:
    thing = Thing()
    made_of(thing)
    kept = weakref.ref(thing)
    del thing
    gc.collect()
    assert kept() is None
