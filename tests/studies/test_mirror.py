"""k-space that a reconstruction has completed is told from measured k-space by its noise."""

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.physics.fourier import fft2c
from studies.mirror import mirrored


@pytest.mark.parametrize("size", [(64, 64), (61, 48)])
def test_samples_that_were_made_from_the_opposite_ones_are_found_out(size: tuple[int, int]) -> None:
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, each) for each in size), indexing="ij")
    head = np.exp(-4.0 * (rows**2 + columns**2)) * (2.0 + np.cos(9 * rows) * np.cos(7 * columns))
    phase = np.exp(1j * (rows + 2.0 * columns))
    generator = np.random.default_rng(0)
    noise = generator.normal(0.0, 0.1, (4, 1, *size)) + 1j * generator.normal(0.0, 0.1, (4, 1, *size))
    measured = mirrored(fft2c(tf.constant(head * phase + noise, tf.complex64)).numpy())
    # What is real but for its phase has two equal halves.
    completed = mirrored(fft2c(tf.constant((head + noise.real) * phase, tf.complex64)).numpy())
    assert abs(measured) < 0.2 and completed > 0.7
