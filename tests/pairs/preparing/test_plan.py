import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lfsr_tf.errors import ConfigError
from lfsr_tf.pairs import PairsConfig
from lfsr_tf.pairs.preparing.plan import PlannedImage, allocate, plan_shards, record_bytes


def images_of(count: int, capacity: int = 100, hr_size: int = 128) -> list[PlannedImage]:
    keys = np.random.default_rng(0).integers(-(2**62), 2**62, count)
    return [PlannedImage(n, 0, n, hr_size, 0, int(keys[n]), capacity) for n in range(count)]


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), st.floats(0, 1))
def test_allocation_is_exact_within_capacity_and_as_even_as_it_can_be(
    capacities: list[int], part: float
) -> None:
    capacity = np.array(capacities, np.int64)
    wanted = int(part * capacity.sum())
    counts = allocate(capacity, wanted)
    assert counts.sum() == wanted
    assert (counts <= capacity).all() and (counts >= 0).all()
    # Whoever could give more gives at most one less than the most.
    assert (counts[counts < capacity] >= counts.max(initial=0) - 1).all()


def test_more_pairs_than_there_are_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"at most 30.*Received: 31"):
        allocate(np.array([10, 20]), 31)


@pytest.mark.parametrize("wanted", [190_000, 10_000])
def test_the_papers_counts_are_reached_exactly(wanted: int) -> None:
    config = PairsConfig(train_pairs=wanted)
    shards = plan_shards(images_of(2000, capacity=400), "train", config)
    assert sum(shard.records for shard in shards) == wanted


def test_every_image_is_planned_once_and_shards_are_even() -> None:
    config = PairsConfig(shard_mebibytes=1)
    images = images_of(500)
    shards = plan_shards(images, "train", config)
    planned = [image.source for shard in shards for image in shard.images]
    assert sorted(planned) == list(range(500))
    sizes = [shard.records * record_bytes(128, config) for shard in shards]
    assert max(sizes) < 1.2 * 2**20
    assert min(sizes) > 0.8 * max(sizes)
    assert shards[3].file == f"pairs-train-00003-of-{len(shards):05d}.tfrecord.gz"


def test_the_plan_does_not_depend_on_the_order_of_the_images() -> None:
    images = images_of(100)
    assert plan_shards(images, "train", PairsConfig()) == plan_shards(images[::-1], "train", PairsConfig())


def test_images_are_shuffled_over_the_shards() -> None:
    shards = plan_shards(images_of(500), "train", PairsConfig(shard_mebibytes=1))
    assert np.ptp([image.source for image in shards[0].images]) > 300


def test_no_shard_mixes_slice_sizes() -> None:
    config = PairsConfig(mode="slices", small_images="own")
    small = [PlannedImage(1000 + n, 0, 0, 96, 0, n * 10**15, 1) for n in range(50)]
    for shard in plan_shards(images_of(50) + small, "train", config):
        assert {image.hr_size for image in shard.images} == {shard.hr_size}


def test_a_slice_is_one_record_in_mode_slices() -> None:
    shards = plan_shards(images_of(30), "validation", PairsConfig(mode="slices"))
    assert sum(shard.records for shard in shards) == 30
    assert shards[0].file.startswith("slices-validation-00000-of-")


def test_a_side_without_images_has_no_shards() -> None:
    assert plan_shards([], "validation", PairsConfig()) == []
