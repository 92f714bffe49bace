import itertools
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.errors import ConfigError, RecordsError, ServiceError
from lfsr_tf.pairs import PipelineConfig, open_dataset, read_records, steps_per_epoch, training_data
from lfsr_tf.pairs.device_pairs import TrainedOnDevice, device_data
from lfsr_tf.pairs.remote import in_order
from tests.pairs.many_shards import in_shards

PASSES, BATCH = 3, 7
SAME_GAIN = {"gain_min": 1.0, "gain_max": 1.0, "shards_at_once": 2}


@pytest.fixture(scope="module")
def pairs(pairs_records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return in_shards(pairs_records, tmp_path_factory.mktemp("cut") / "pairs", [30, 1, 19, 26])


@pytest.fixture(scope="module")
def slices(slices_records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return in_shards(slices_records, tmp_path_factory.mktemp("cut") / "slices", [5, 1, 6, 4])


def passes_of(data: tf.data.Dataset, pairs_a_pass: int) -> list[list[tuple[np.ndarray, ...]]]:
    """Single pairs of the first passes: batches that reach into the next pass are cut."""
    batches = itertools.islice(data.as_numpy_iterator(), -(-PASSES * pairs_a_pass // BATCH))
    stream = [pair for batch in batches for pair in zip(*batch, strict=True)]
    return [stream[number * pairs_a_pass : (number + 1) * pairs_a_pass] for number in range(PASSES)]


@pytest.mark.parametrize(("cache", "seed"), [(True, 0), (False, 9)])
def test_every_fixed_pair_comes_once_in_every_pass(pairs: Path, cache: bool, seed: int) -> None:
    recorded = Counter(record["lr"].tobytes() for record in read_records(pairs, "train"))
    assert recorded.total() % BATCH and set(recorded.values()) == {1}
    data = training_data(pairs, BATCH, seed=seed, options=PipelineConfig(cache=cache, **SAME_GAIN))
    for one in passes_of(data, recorded.total()):
        assert Counter(lr.tobytes() for lr, _ in one) == recorded


@pytest.mark.parametrize(("cache", "seed"), [(True, 0), (False, 9)])
def test_every_slice_comes_once_in_every_pass(slices: Path, cache: bool, seed: int) -> None:
    # The heads are symmetrical: some slices are twins.
    recorded = Counter(record["hr"].tobytes() for record in read_records(slices, "train"))
    assert recorded.total() % BATCH and len(recorded) > recorded.total() // 2
    options = PipelineConfig(lr_patch=0, cache=cache, **SAME_GAIN)
    for one in passes_of(training_data(slices, BATCH, seed=seed, options=options), recorded.total()):
        assert Counter(hr.tobytes() for _, hr in one) == recorded


def test_every_patch_of_every_slice_comes_once_in_every_pass(slices: Path) -> None:
    count = open_dataset(slices).train.records
    chosen, _ = device_data(slices, BATCH, options=PipelineConfig(**SAME_GAIN, shuffle_patches=20))
    data = chosen.map(lambda batch: (batch["row"], batch["patch"]))
    for one in passes_of(data, 6 * count):
        assert Counter(one) == Counter(itertools.product(range(count), range(6)))


def test_the_device_makes_the_pairs_that_the_pipeline_makes(slices: Path) -> None:
    options = PipelineConfig(flips=True, rotations=True, shards_at_once=2)
    arguments = {"seed": 4, "first_epoch": 1, "options": options, "with_sigma": True, "noise_level": True}
    chosen, make_pairs = device_data(slices, BATCH, **arguments)
    made = itertools.islice(map(tf.function(make_pairs), chosen), 12)
    for one, other in zip(made, training_data(slices, BATCH, **arguments), strict=False):
        for part, twin in zip(one, other, strict=True):
            np.testing.assert_allclose(part, twin, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("with_sigma", [False, True])
def test_training_on_the_device_has_the_losses_of_training_on_the_pipeline(
    slices: Path, with_sigma: bool
) -> None:
    def losses(trained: keras.Model, data: tf.data.Dataset) -> list[float]:
        trained.compile("adam", "mse")
        return trained.fit(data, steps_per_epoch=4, epochs=2, shuffle=False, verbose=0).history["loss"]

    networks = [keras.Sequential([keras.Input((8, 8, 1)), enlarging(1)]) for _ in range(2)]
    networks[1].set_weights(networks[0].get_weights())
    before = networks[0].get_weights()[0]
    chosen, make_pairs = device_data(slices, BATCH, with_sigma=with_sigma)
    on_device = losses(TrainedOnDevice(networks[0], make_pairs), chosen)
    np.testing.assert_allclose(on_device, losses(networks[1], training_data(slices, BATCH)), rtol=1e-5)
    for weights, others in zip(*(network.get_weights() for network in networks), strict=True):
        np.testing.assert_allclose(weights, others, atol=1e-5)
    assert not np.allclose(networks[0].get_weights()[0], before, atol=1e-3)


def enlarging(seed: int) -> keras.layers.Layer:
    kernel = keras.initializers.GlorotUniform(seed)
    return keras.layers.Conv2DTranspose(1, 3, 2, padding="same", kernel_initializer=kernel)


def test_a_training_on_the_device_is_resumed_from_its_backup(slices: Path, tmp_path: Path) -> None:
    def fit(seed: int, epochs: int) -> tuple[keras.Model, list[int]]:
        chosen, make_pairs = device_data(slices, BATCH)
        trained = TrainedOnDevice(keras.Sequential([keras.Input((8, 8, 1)), enlarging(seed)]), make_pairs)
        trained.compile("adam", "mse")
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"), delete_checkpoint=False)
        arguments = {"steps_per_epoch": 2, "epochs": epochs, "shuffle": False, "verbose": 0}
        return trained.network, trained.fit(chosen, callbacks=[backup], **arguments).epoch

    (first, _), (again, epochs) = fit(1, 1), fit(2, 2)
    assert epochs == [1]
    np.testing.assert_allclose(again.get_weights()[0], first.get_weights()[0], atol=5e-3)


def test_what_fills_no_batch_comes_first_in_the_next_epoch(pairs: Path) -> None:
    steps = steps_per_epoch(pairs, BATCH)
    options = PipelineConfig(**SAME_GAIN)
    whole = list(itertools.islice(training_data(pairs, BATCH, options=options), 4 * steps))
    for epoch in (1, 3):
        later = itertools.islice(training_data(pairs, BATCH, first_epoch=epoch, options=options), steps)
        for (lr, hr), (other_lr, other_hr) in zip(later, whole[epoch * steps :], strict=False):
            np.testing.assert_array_equal(lr, other_lr)
            np.testing.assert_array_equal(hr, other_hr)


def test_a_cache_changes_no_byte(slices: Path) -> None:
    kept, read = (
        training_data(slices, BATCH, options=PipelineConfig(cache=cache, shards_at_once=2))
        for cache in (True, False)
    )
    for one, other in itertools.islice(zip(kept, read, strict=False), 40):
        np.testing.assert_array_equal(one[0], other[0])


def test_fixed_pairs_are_not_made_on_the_device(pairs: Path) -> None:
    with pytest.raises(ConfigError, match="mode 'slices'"):
        device_data(pairs, BATCH)


def test_a_damaged_shard_that_nobody_verified_is_named(pairs_records: Path, tmp_path: Path) -> None:
    folder = in_shards(pairs_records, tmp_path / "cut", [30, 20])
    shard = folder / "train-1.tfrecord.gz"
    shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises(RecordsError, match=r"train-1\.tfrecord\.gz"):
        training_data(folder, BATCH, options=PipelineConfig(verify=False))


def test_blocks_that_come_early_wait_for_their_turn() -> None:
    arriving = [(4, "e"), (3, "d"), (2, "c"), (7, "h"), (5, "f"), (6, "g")]
    assert list(in_order(arriving, 2, 10)) == list("cdefgh")


@pytest.mark.parametrize(
    ("arriving", "message"),
    [
        ([(0, "a"), (2, "c")], "block 2, but not block 1"),
        ([(0, "a"), *((number, "x") for number in range(2, 9))], "block 7, but not block 1"),
        ([(0, "a"), (0, "a")], "block 0 twice"),
        ([(1, "b"), (1, "b")], "block 1 twice"),
    ],
)
def test_a_lost_or_repeated_block_is_an_error(arriving: list[tuple[int, str]], message: str) -> None:
    with pytest.raises(ServiceError, match=message):
        list(in_order(arriving, 0, 5, patience_s=0.0, pause_s=0.0))


def test_a_worker_that_is_slow_is_waited_for() -> None:
    arriving = [*((number, number) for number in range(1, 40)), (0, 0)]
    assert list(in_order(arriving, 0, 5, pause_s=0.0)) == list(range(40))
