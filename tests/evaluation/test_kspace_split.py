"""Which samples of k-space count as measured, with how much noise, and which are resampled together."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.evaluation.background_noise import noise_power
from lfsr_tf.evaluation.kspace_split import OuterBand
from lfsr_tf.evaluation.outer_band import _tile_sums, _tiles
from lfsr_tf.physics.fourier import fft2c, ifft2c


def measured_block(noise: float) -> np.ndarray:
    """k-space [2, 1, 64, 64] of a smooth object, whose energy lies in the middle, and noise."""
    places = np.linspace(-1, 1, 64)
    smooth = 100.0 * np.exp(-40 * np.add.outer(places**2, places**2))
    drawn = np.random.default_rng(0).normal(0, noise, (2, 1, 64, 64, 2)) @ [1, 1j]
    return (smooth + drawn).astype(np.complex64)


@pytest.mark.parametrize("rim", [0, 16, 40, 96])
@pytest.mark.parametrize("noise", [1.0, 0.03])
def test_zeros_that_went_through_an_image_are_rounding_and_do_not_count(rim: int, noise: float) -> None:
    padded = np.pad(measured_block(noise), [(0, 0), (0, 0), (rim, rim), (rim, rim)])
    rounded = fft2c(ifft2c(tf.constant(padded))).numpy()
    assert np.median(np.abs(rounded)) > 0.0
    for kspace in (padded, rounded):
        band = OuterBand.of(kspace, np.zeros(kspace.shape), scale=8)
        inside = (64 + 2 * rim) // 8
        assert band.outside.sum() == 64**2 - inside**2
        assert not band.outside[:rim].any()


def test_zeros_that_got_something_of_their_neighbours_do_not_count_where_the_matrix_is_known() -> None:
    kspace = np.pad(measured_block(1.0), [(0, 0), (0, 0), (64, 64), (0, 0)])
    # The field of view is cut in half, as readout oversampling is taken out.
    images = ifft2c(tf.constant(kspace)).numpy()[:, :, 48:144]
    cut = fft2c(tf.constant(images)).numpy()
    unknown = OuterBand.of(cut, np.zeros(cut.shape), 2)
    known = OuterBand.of(cut, np.zeros(cut.shape), 2, acquired=(32, 64))
    assert unknown.outside.sum() == 96 * 64 - 48 * 32
    assert known.outside.sum() == 32 * (64 - 32)


@pytest.mark.parametrize("falls", [(1.5, 0.0), (0.0, 1.5), (1.5, 1.5)])
def test_noise_that_varies_along_the_axes_of_the_image_is_known_behind_the_head(
    falls: tuple[float, float],
) -> None:
    places = np.linspace(-1, 1, 96)
    level = np.multiply.outer(*(2.0 ** (-fall * places**2) for fall in falls))
    drawn = np.random.default_rng(1).normal(0, 1, (12, 1, 96, 96, 2)) @ [1, 1j]
    images = (drawn * level).astype(np.complex64)
    background = np.hypot(*np.meshgrid(places / 0.7, places / 0.8, indexing="ij")) > 1.0
    found = noise_power(images, np.broadcast_to(background, (12, 96, 96)))
    assert found.mean() == pytest.approx(2 * np.square(level).mean(), rel=0.02)


@pytest.mark.parametrize("fall", [0.0, 0.5])
def test_noise_is_known_where_the_head_leaves_little_air(fall: float) -> None:
    """Less than a quarter of the image, none of it in half of the columns."""
    places = np.linspace(-1, 1, 128)
    level = np.multiply.outer(2.0 ** (-fall * places**2), 2.0 ** (-fall * places**2))
    background = np.hypot(*np.meshgrid(places / 1.2, places / 0.9, indexing="ij")) > 1.0
    assert background.mean() < 0.25 and background.any(axis=0).mean() == 0.5
    for seed in range(8):
        drawn = np.random.default_rng(seed).normal(0, 1, (6, 1, 128, 128, 2)) @ [1, 1j]
        found = noise_power((drawn * level).astype(np.complex64), np.broadcast_to(background, (6, 128, 128)))
        assert found.mean() == pytest.approx(2 * np.square(level).mean(), rel=0.08)


@pytest.mark.parametrize("background", ["air", "none in half of the rows"])
def test_images_without_noise_have_none(background: str) -> None:
    mask = np.ones((2, 32, 32), bool)
    mask[:, :16] = background == "air"
    assert not noise_power(np.zeros((2, 1, 32, 32), np.complex64), mask).any()


def test_opposite_samples_are_resampled_together_and_each_counts_once() -> None:
    for shape in ((16, 24), (17, 24), (25, 31)):
        rng = np.random.default_rng(0)
        values = rng.random((3, 2, *shape))
        sums = _tile_sums(values, np.ones(shape, bool))
        assert sums.sum() == pytest.approx(values.sum())
        tiles = _tiles(shape)
        for row, column in rng.integers(0, shape, (50, 2)):
            opposite = (2 * (shape[0] // 2) - row) % shape[0], (2 * (shape[1] // 2) - column) % shape[1]
            assert tiles[row, column] == tiles[opposite]
        # About half of the tiles of 8 x 8 samples that there are.
        assert len(np.unique(tiles)) <= -(-shape[0] // 8) * -(-shape[1] // 8) * 0.5 + 6
