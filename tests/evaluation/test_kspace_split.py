"""Which samples of k-space count as measured."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.evaluation.kspace_split import OuterBand
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
