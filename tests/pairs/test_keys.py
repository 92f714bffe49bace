import numpy as np
import tensorflow as tf

from lfsr_tf.pairs.keys import fold, seeds_of
from lfsr_tf.pairs.preparing.plan import slice_key

KEYS = tf.range(1000, dtype=tf.int64)


def splitmix64(key: int, salt: int) -> int:
    """The published finaliser in plain Python."""
    word = (key + salt * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) % 2**64
    word ^= word >> 31
    return word - 2**64 if word >= 2**63 else word


def test_fold_is_splitmix64() -> None:
    keys = [0, 1, -5, 2**62]
    assert fold(tf.constant(keys, tf.int64), 7).numpy().tolist() == [
        splitmix64(key % 2**64, 7) for key in keys
    ]


def test_the_first_outputs_of_splitmix64_are_the_published_ones() -> None:
    # Of the generator seeded with 1234567, as in the reference implementation by S. Vigna.
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    state = tf.constant([1234567], tf.int64)
    found = [int(fold(state, count)[0]) % 2**64 for count in range(3)]
    assert found == published


def test_other_salts_give_other_keys_and_none_twice() -> None:
    folded = np.concatenate([fold(KEYS, salt).numpy() for salt in range(20)])
    assert len(np.unique(folded)) == folded.size


def test_the_order_of_salts_matters() -> None:
    assert not np.intersect1d(fold(KEYS, 1, 2), fold(KEYS, 2, 1)).size


def test_keys_and_salts_broadcast() -> None:
    folded = fold(KEYS[:3, None], tf.range(4, dtype=tf.int64)[None, :])
    assert folded.shape == (3, 4)
    assert int(folded[2, 1]) == int(fold(KEYS[2], 1))


def test_seeds_keep_all_bits_of_a_key() -> None:
    seeds = seeds_of(fold(KEYS, 3))
    assert seeds.dtype == tf.int32 and seeds.shape == (1000, 2)
    np.testing.assert_array_equal(tf.bitcast(seeds, tf.int64), fold(KEYS, 3))


def test_a_slice_key_depends_on_every_part() -> None:
    parts = (0, "sub-01", "scan", 4, 0)
    keys = {slice_key(*parts)}
    for position, other in enumerate((1, "sub-02", "other", 5, 1)):
        keys.add(slice_key(*parts[:position], other, *parts[position + 1 :]))
    assert len(keys) == 6
    assert all(-(2**63) <= key < 2**63 for key in keys)
