from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.pairs import open_dataset
from lfsr_tf.pairs.parts import table_reader, training_parts, visited
from lfsr_tf.pairs.passes import Passes
from tests.pairs.many_shards import in_shards

COUNTS = (5, 8, 1, 7)
TOTAL = sum(COUNTS)


@dataclass(frozen=True)
class Rows:
    """As much of a part as a table needs to know."""

    records: int


def stream(passes: Passes, first_pass: int = 0, blocks: int = 30) -> list[dict[str, np.ndarray]]:
    rows = tf.range(sum(passes.counts))
    read = table_reader(rows, [Rows(count) for count in passes.counts])
    return list(visited(passes, read, first_pass).take(blocks).as_numpy_iterator())


@pytest.mark.parametrize("block", [1, 3, 100])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_pass_has_every_record_once(block: int, seed: int) -> None:
    passes = Passes(COUNTS, block, seed)
    each = sum(passes.blocks)
    taken = stream(passes, blocks=4 * each)
    for number in range(4):
        blocks = taken[number * each : (number + 1) * each]
        assert {int(part["epoch"]) for part in blocks} == {number}
        assert Counter(np.concatenate([part["records"] for part in blocks])) == Counter(range(TOTAL))


def test_blocks_are_numbered_one_after_the_other() -> None:
    passes = Passes(COUNTS, 3, 0)
    assert [int(part["number"]) for part in stream(passes)] == list(range(30))
    assert int(stream(passes, first_pass=2)[0]["number"]) == passes.first_block(2)


def test_a_stream_that_begins_later_is_the_rest_of_one_that_began_before() -> None:
    passes = Passes(COUNTS, 3, 0)
    whole = stream(passes)[passes.first_block(1) :]
    for one, other in zip(stream(passes, first_pass=1), whole, strict=False):
        np.testing.assert_array_equal(one["records"], other["records"])


def test_parts_and_records_have_a_new_order_in_every_pass_and_for_every_seed() -> None:
    parts = [int(block["part"]) for block in stream(Passes((40, 40, 40, 40), 40, 0), blocks=24)]
    orders = [tuple(parts[start : start + 4]) for start in range(0, 24, 4)]
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len(set(orders)) > 3
    blocks = [block for seed in range(2) for block in stream(Passes((40,), 40, seed), blocks=3)]
    assert len({tuple(block["records"]) for block in blocks}) == 6


def test_every_place_of_an_order_is_equally_likely() -> None:
    passes = Passes((10,), 10, 0)
    orders = np.stack([part["records"] for part in stream(passes, blocks=2000)])
    counts = np.stack([np.bincount(orders[:, place], minlength=10) for place in range(10)])
    # 200 expected, with a standard deviation of 13.
    assert abs(counts - 200).max() < 65


def test_parts_have_all_shards_and_no_more_than_asked_for(pairs_records: Path, tmp_path: Path) -> None:
    info = open_dataset(in_shards(pairs_records, tmp_path / "cut", [9, 1, 5, 8, 7, 3]))
    for most in (1, 2, 3, 100):
        parts = training_parts(info, most)
        assert max(len(part.shards) for part in parts) <= most
        assert [shard for part in parts for shard in part.shards] == list(info.train.shards)
