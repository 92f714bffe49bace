"""The order of training: which record comes when, in numbers alone.

Shards stand in parts of a few. A pass takes the parts one after the other in an order of its own, and of each
part all records in an order of its own, cut into blocks. Both orders are hashes of (seed, pass, place), so
that neither the number of threads, nor where the records are read, nor who makes the pairs changes anything.
Shards are random mixtures of all subjects (`plan.plan_shards`), so a batch whose pairs come from one part is
one too.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs.keys import fold
from lfsr_tf.settings import check_counts, is_count

_RECORD_ORDER, _PART_ORDER = 1, 3

# "number" of the block in the endless stream, "epoch" of the pass, "part": int64 []; and "records" [n],
# serialised records or whatever stands for them.
Block = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Passes:
    """Endless passes over parts.

    Attributes:
        counts: Records of each part, at least one.
        block_records: Records of a block, but for the last one of a part.
        seed: Of all orders.
    """

    counts: tuple[int, ...]
    block_records: int
    seed: int

    @property
    def blocks(self) -> tuple[int, ...]:
        """Blocks of each part."""
        return tuple(-(-count // self.block_records) for count in self.counts)

    def visits(self, first_pass: int) -> tf.data.Dataset:
        """Numbers of the visits to a part, without end: int64, as many for each pass as there are parts."""
        return tf.data.Dataset.range(first_pass * len(self.counts), tf.int64.max)

    def first_block(self, first_pass: int) -> int:
        """Number that the first block of a pass has in the stream."""
        return first_pass * sum(self.blocks)

    def visit(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """What a visit is.

        Args:
            number: int64 [], from `visits`.

        Returns:
            Pass, part, and the number that the visit's first block has in the stream: int64 [] each.
        """
        epoch, place = number // len(self.counts), number % len(self.counts)
        order = _shuffled(len(self.counts), _PART_ORDER, self.seed, epoch)
        before = tf.reduce_sum(tf.gather(tf.constant(self.blocks, tf.int64), order[:place]))
        return epoch, order[place], epoch * sum(self.blocks) + before

    def cut(self, number: tf.Tensor, records: tf.Tensor) -> tf.data.Dataset:
        """The blocks of one visit.

        Args:
            number: int64 [], from `visits`.
            records: [n], all records of that visit's part, as they stand in it.

        Returns:
            `Block`s; each record stands in one of them.
        """
        epoch, part, first = self.visit(number)
        count = tf.gather(tf.constant(self.counts, tf.int64), part)
        order = _shuffled(count, _RECORD_ORDER, self.seed, epoch, part)

        def block(index: tf.Tensor) -> Block:
            chosen = order[index * self.block_records : (index + 1) * self.block_records]
            facts = {"number": first + index, "epoch": epoch, "part": part}
            return {**facts, "records": tf.gather(records, chosen)}

        return tf.data.Dataset.range(-(-count // self.block_records)).map(block)


def beginning(pairs: int, batch_size: int, first_epoch: int, name: str) -> tuple[int, int]:
    """Where an epoch begins: its pass, and how many pairs of that pass belong to earlier epochs.

    An epoch is so many whole batches, and the pairs that are over come first in the next one.

    Args:
        pairs: Of a pass.
        batch_size: Pairs a batch.
        first_epoch: The epoch.
        name: Of the records, for the message.

    Raises:
        ConfigError: A number is out of its range.
    """
    check_counts(0, first_epoch=first_epoch)
    return divmod(first_epoch * whole_batches(pairs, batch_size, name) * batch_size, pairs)


def whole_batches(pairs: int, batch_size: int, name: str) -> int:
    """How many whole batches the pairs of a pass fill: an epoch.

    Raises:
        ConfigError: There are fewer pairs than one batch takes, or the size is no whole number above 0.
    """
    if not is_count(batch_size, 1) or batch_size > pairs:
        raise ConfigError(
            f"Expected a batch size of 1 to {pairs}, the pairs of {name}. Received: {batch_size}."
        )
    return pairs // batch_size


def _shuffled(count: tf.Tensor | int, *salts: tf.Tensor | int) -> tf.Tensor:
    """The numbers below `count` in random order, int64."""
    numbers = tf.range(tf.cast(count, tf.int64))
    return tf.gather(numbers, tf.argsort(fold(numbers, *salts)))
