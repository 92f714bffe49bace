"""Signed distances and soft edges of the phantom's shapes."""

import numpy as np
import pytest

from lfsr_tf.physics.shapes import Grid, coverage, ellipsoid, tube, voxel_sizes, waves


@pytest.fixture
def grid():
    axis = np.linspace(-19.5, 19.5, 40, dtype=np.float32)
    return Grid(*np.meshgrid(axis, axis, axis, indexing="ij"), spacing=(1.0, 1.0, 1.0))


def radius(grid):
    return np.sqrt(grid.x**2 + grid.y**2 + grid.z**2)


def test_distance_to_a_sphere_is_exact(grid):
    np.testing.assert_allclose(ellipsoid(grid, (0, 0, 0), (12, 12, 12)), 12 - radius(grid), atol=1e-3)


def test_volume_of_an_ellipsoid_and_of_a_tube_is_that_of_geometry(grid):
    inside = coverage(ellipsoid(grid, (1.0, -2.0, 0.5), (15.0, 9.0, 6.0)), grid.spacing)
    assert inside.sum() == pytest.approx(4 / 3 * np.pi * 15 * 9 * 6, rel=0.02)
    inside = coverage(tube(grid, [(-10.0, 0.0, 0.0), (10.0, 0.0, 0.0)], [4.0, 4.0]), grid.spacing)
    assert inside.sum() == pytest.approx(np.pi * 16 * 20 + 4 / 3 * np.pi * 64, rel=0.02)


def test_a_bent_tube_passes_through_its_points(grid):
    points = [(-10.5, 0.5, 0.5), (0.5, 10.5, 0.5), (10.5, 0.5, 5.5)]
    inside = tube(grid, points, [3.0, 2.0, 1.0]) > 0
    for x, y, z in points:
        assert inside[int(x + 19.5), int(y + 19.5), int(z + 19.5)]


def test_coverage_is_half_on_the_surface_and_an_edge_is_one_voxel_wide():
    distance = np.array([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0], np.float32)
    np.testing.assert_allclose(coverage(distance, (1.0, 1.0, 5.0)), [0, 0, 0.5, 0.75, 1, 1])
    np.testing.assert_allclose(coverage(distance, (2.0, 2.0, 5.0)), [0, 0.25, 0.5, 0.625, 0.75, 1])


def test_waves_have_zero_mean_unit_variance_and_their_wavelength(grid):
    field = waves(np.random.default_rng(0), grid, (5.0, 7.0), 60)
    assert field.dtype == np.float32
    assert abs(field.mean()) < 0.1
    assert field.std() == pytest.approx(1.0, rel=0.15)
    power = np.abs(np.fft.fftn(field)) ** 2
    frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*[np.fft.fftfreq(40)] * 3, indexing="ij")))
    band = (frequency > 1 / 8) & (frequency < 1 / 4)
    assert power[band].sum() > 0.9 * power.sum()


def test_a_mirrored_grid_draws_symmetric_shapes(grid):
    distance = ellipsoid(grid.mirrored(), (8.0, 0.0, 0.0), (3.0, 5.0, 4.0))
    np.testing.assert_allclose(distance, distance[::-1], atol=1e-5)


def test_voxel_sizes_are_the_field_of_view_over_the_matrix():
    assert voxel_sizes((192, 96, 20), (240.0, 240.0, 110.0)) == (1.25, 2.5, 5.5)
