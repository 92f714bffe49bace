"""Noise for a batch of HR slices: the step between ground truth and what the network sees."""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.keys import fold, seeds_of
from lfsr_tf.physics.acquisition import draw_sigma, simulate_acquisition

_SIGMA_SALT, _NOISE_SALT = 1, 2


def degrade(hr: tf.Tensor, keys: tf.Tensor, config: PairsConfig) -> tuple[tf.Tensor, tf.Tensor]:
    """Simulate the low-field acquisition of each slice at a noise level of its own.

    Args:
        hr: float32 [B, S, S], normalised, S known.
        keys: int64 [B]; an image's noise depends on its own key alone.
        config: Scale and acquisition.

    Returns:
        LR magnitude images float32 [B, S / scale, S / scale] and their sigma float32 [B], both in units of
        the volume's reference intensity.
    """
    shape = hr.shape[1] // config.scale, hr.shape[2] // config.scale
    sigma = draw_sigma(seeds_of(fold(keys, _SIGMA_SALT)), config.acquisition)
    noise_seeds = seeds_of(fold(keys, _NOISE_SALT))
    return simulate_acquisition(hr, sigma, noise_seeds, shape, config.acquisition), sigma
