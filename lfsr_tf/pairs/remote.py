"""Pairs that the workers of a tf.data service make, put back into the order in which one process makes them.

The service hands each visit to a part of the records to one worker (ShardingPolicy.DYNAMIC): no visit is made
twice. Blocks arrive in any order and carry their numbers; here they wait for their turn. A block that was
lost with its worker never comes, which is found out, as is a service that no longer answers, so that every
pass has every pair exactly once or ends in an error.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

from lfsr_tf.errors import ServiceError
from lfsr_tf.pairs.parts import Reader, visit
from lfsr_tf.pairs.passes import Block, Passes
from lfsr_tf.pairs.service_watch import awaited, while_it_answers

# Parts that wait for their turn before later ones are fetched slowly, so that a slow worker can catch up.
_PARTS_AHEAD = 16
# Seconds after which a block that has not come is lost, and seconds between slow fetches.
_PATIENCE_S, _PAUSE_S = 120.0, 1.0


def made_by_workers(
    passes: Passes, read: Reader, make: Callable[[Block], Any], first_pass: int, service: str
) -> tf.data.Dataset:
    """What `parts.visited(...).map(make)` gives, made by the workers of a service.

    Args:
        passes: The order.
        read: Where the workers find the records: at the same path as this process.
        make: A structure of tensors for each block; it travels to the workers as a graph.
        first_pass: Where to begin.
        service: Address of the dispatcher, "grpc://127.0.0.1:5050".

    Returns:
        The structures in the order of the blocks. Iterating it raises a TensorFlow error, which
        `error_of_service` reads, where the service does not answer or has lost some of them.

    Raises:
        ServiceError: The service does not answer.
    """
    # One part at a time, so that a worker does not take the next one from the others.
    blocks = passes.visits(first_pass).flat_map(functools.partial(visit, passes, read))
    made = blocks.prefetch(tf.data.AUTOTUNE).map(
        lambda block: (block["number"], make(block)), tf.data.AUTOTUNE, deterministic=True
    )
    policy = tf.data.experimental.service.ShardingPolicy.DYNAMIC
    # Noise cannot be compressed.
    by_workers = tf.data.experimental.service.distribute(policy, service, compression=None)
    arriving = awaited(lambda: made.apply(by_workers), service)
    first, most = passes.first_block(first_pass), _PARTS_AHEAD * max(passes.blocks)
    return tf.data.Dataset.from_generator(
        lambda: in_order(while_it_answers(arriving, service), first, most),
        output_signature=made.element_spec[1],
    )


def error_of_service(error: tf.errors.OpError) -> ServiceError | None:
    """The error that ended the iteration of `made_by_workers`: TensorFlow hands on its text."""
    found = re.search(rf"\b{ServiceError.__name__}: (.+)", error.message)
    return ServiceError(found[1]) if found else None


def in_order(
    numbered: Iterable[tuple[Any, Any]],
    first: int,
    most: int,
    patience_s: float = _PATIENCE_S,
    pause_s: float = _PAUSE_S,
) -> Iterator[Any]:
    """Things in the order of their numbers.

    Args:
        numbered: (number, thing), each number from `first` on once, in any order.
        first: The number to begin with.
        most: While more things wait, the next one is fetched after a pause.
        patience_s: Seconds after which the one that they wait for is lost.
        pause_s: Length of a pause.

    Yields:
        The things.

    Raises:
        ServiceError: A number is missing, or came twice.
    """
    waiting: dict[int, Any] = {}
    since = time.monotonic()
    for number, thing in numbered:
        place = int(number)
        if place < first or place in waiting:
            raise _lost(f"block {place} twice")
        waiting[place] = thing
        while first in waiting:
            yield waiting.pop(first)
            first, since = first + 1, time.monotonic()
        if len(waiting) > most:
            if time.monotonic() - since > patience_s:
                raise _lost(f"block {place}, but not block {first}")
            time.sleep(pause_s)
    if waiting:
        raise _lost(f"block {min(waiting)}, but not block {first}")


def _lost(received: str) -> ServiceError:
    return ServiceError(
        f"Expected every block of pairs from the tf.data service once. Received: {received}. A worker was "
        "lost: start the service again, and the run, which goes on where it was."
    )
