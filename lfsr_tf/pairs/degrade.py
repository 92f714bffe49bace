"""Noise for a batch of HR slices: the step between ground truth and what the network sees."""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.pairs.config import PairsConfig
from lfsr_tf.pairs.keys import IN_PHASE_STREAM, fold, seeds_of
from lfsr_tf.physics.acquisition import draw_sigma, simulate_acquisition, simulate_complex
from lfsr_tf.physics.channels import magnitude
from lfsr_tf.physics.phase import in_phase_image
from lfsr_tf.physics.randomness import uniform

_SIGMA_SALT, _NOISE_SALT = 1, 2


def degrade(
    hr: tf.Tensor, keys: tf.Tensor, config: PairsConfig, in_phase: float = 0.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """Simulate the low-field acquisition of each slice at a noise level of its own.

    Args:
        hr: float32 [B, S, S], normalised, S known.
        keys: int64 [B]; an image's noise depends on its own key alone.
        config: Scale and acquisition.
        in_phase: Share of the images that are parts in phase, as of `phase.in_phase_image`; the others are
            magnitudes.

    Returns:
        LR images float32 [B, S / scale, S / scale] and their sigma float32 [B], both in units of
        the volume's reference intensity.
    """
    shape = hr.shape[1] // config.scale, hr.shape[2] // config.scale
    sigma = draw_sigma(seeds_of(fold(keys, _SIGMA_SALT)), config.acquisition)
    noise_seeds = seeds_of(fold(keys, _NOISE_SALT))
    scan = hr, sigma, noise_seeds, shape, config.acquisition
    if in_phase == 0.0:
        return simulate_acquisition(*scan), sigma
    return _some_in_phase(simulate_complex(*scan), keys, in_phase), sigma


def _some_in_phase(image: tf.Tensor, keys: tf.Tensor, share: float) -> tf.Tensor:
    chosen = uniform(seeds_of(keys), 1, IN_PHASE_STREAM)[:, :, None] < share
    return tf.where(chosen, in_phase_image(image[:, None]), magnitude(image))
