"""Pairs that the workers of a tf.data service make, put back into the order in which one process makes them.

The service hands each visit to a part of the records to one worker (ShardingPolicy.DYNAMIC): no visit is made
twice. Blocks arrive in any order and carry their numbers; here they wait for their turn. A block that was
lost with its worker never comes, which is found out, so that every pass has every pair exactly once or ends
in an error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

from lfsr_tf.errors import RecordsError
from lfsr_tf.pairs.parts import Reader, visit
from lfsr_tf.pairs.passes import Block, Passes

# Parts that may be made before their turn. Each worker is at one, so this is more than there are workers.
_PARTS_AHEAD = 16


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
        The structures in the order of the blocks. Iterating it raises a TensorFlow error with the text of a
        `RecordsError` where a worker was lost.
    """
    # One part at a time, so that a worker does not take the next one from the others.
    blocks = passes.visits(first_pass).flat_map(functools.partial(visit, passes, read))
    made = blocks.prefetch(tf.data.AUTOTUNE).map(
        lambda block: (block["number"], make(block)), tf.data.AUTOTUNE, deterministic=True
    )
    policy = tf.data.experimental.service.ShardingPolicy.DYNAMIC
    # Noise cannot be compressed.
    arriving = made.apply(tf.data.experimental.service.distribute(policy, service, compression=None))
    return tf.data.Dataset.from_generator(
        lambda: in_order(arriving, passes.first_block(first_pass), _PARTS_AHEAD * max(passes.blocks)),
        output_signature=made.element_spec[1],
    )


def in_order(numbered: Iterable[tuple[Any, Any]], first: int, most_ahead: int) -> Iterator[Any]:
    """Things in the order of their numbers.

    Args:
        numbered: (number, thing), each number from `first` on once, in any order.
        first: The number to begin with.
        most_ahead: A thing so many numbers ahead of one that has not come shows that it never will.

    Yields:
        The things.

    Raises:
        RecordsError: A number is missing, or came twice.
    """
    waiting: dict[int, Any] = {}
    for number, thing in numbered:
        place = int(number)
        if place < first or place in waiting:
            raise _lost(f"block {place} twice")
        waiting[place] = thing
        if place - first > most_ahead:
            raise _lost(f"block {place}, but not block {first}")
        while first in waiting:
            yield waiting.pop(first)
            first += 1
    if waiting:
        raise _lost(f"block {min(waiting)}, but not block {first}")


def _lost(received: str) -> RecordsError:
    return RecordsError(
        f"Expected every block of pairs from the tf.data service once. Received: {received}. A worker was "
        "lost or is far behind the others: start the service again, and the run, which goes on where it was."
    )
