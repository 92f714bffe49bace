import numpy as np
import pytest
from hypothesis import given, strategies as st

from lfsr_tf.errors import ConfigError
from lfsr_tf.inference.tiles import plan_tiles

sizes = st.integers(16, 300)
halos = st.integers(0, 40)


@given(sizes, sizes, halos, st.integers(10_000, 40_000))
def test_tiles_cover_every_pixel_once_and_stay_within_the_budget(
    height: int, width: int, halo: int, budget: int
) -> None:
    covered = np.zeros((height, width), int)
    for rows, columns in plan_tiles(height, width, halo, budget):
        covered[rows.start : rows.stop, columns.start : columns.stop] += 1
        assert covered[rows.given(), columns.given()].size <= budget
    assert (covered == 1).all()


@given(sizes, sizes, halos)
def test_halos_reach_as_far_as_the_network_sees_but_not_beyond_the_slice(
    height: int, width: int, halo: int
) -> None:
    for tile in plan_tiles(height, width, halo, 20_000):
        for span, size in zip(tile, (height, width), strict=True):
            assert span.input_start == max(span.start - halo, 0)
            assert span.input_stop == min(span.stop + halo, size)


@given(sizes, sizes, st.integers(0, 20), st.sampled_from([2, 4, 8]))
def test_tiles_begin_and_end_where_the_coarsest_grid_has_a_sample(
    height: int, width: int, halo: int, stride: int
) -> None:
    for tile in plan_tiles(height, width, halo, 20_000, stride):
        for span, size in zip(tile, (height, width), strict=True):
            assert (size - span.input_stop) % stride == 0
            assert min(span.stop + halo, size) <= span.input_stop < min(span.stop + halo, size) + stride
            assert span.input_start % stride == 0
            assert max(span.start - halo, 0) - stride < span.input_start <= max(span.start - halo, 0)


def test_a_slice_that_fits_is_one_tile() -> None:
    ((rows, columns),) = plan_tiles(64, 48, 10, 64 * 48)
    assert (rows.given(), columns.given()) == (slice(0, 64), slice(0, 48))


def test_a_budget_below_the_smallest_tile_is_refused_with_the_smallest_that_would_do() -> None:
    with pytest.raises(ConfigError, match="pixel budget of at least 1296"):
        plan_tiles(128, 128, 10, 1000)
    assert plan_tiles(128, 128, 10, 1296)
