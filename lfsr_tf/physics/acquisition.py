"""A simulated low-field acquisition: k-space crop, complex Gaussian noise, magnitude.

The order is the scanner's: the object gets its phase and its coil shading, only the centre of k-space is
sampled, the samples carry noise, and the image is the magnitude, so its noise is Rician.
Source: de Leeuw den Bouter et al., Scientific Reports 12 (2022), doi:10.1038/s41598-022-10298-6, Methods.
"""

from __future__ import annotations

import math

import tensorflow as tf

from lfsr_tf.physics import effects
from lfsr_tf.physics.fourier import kspace_to_image, matrix_size
from lfsr_tf.physics.phase import magnitude
from lfsr_tf.physics.randomness import complex_normal, uniform
from lfsr_tf.physics.sampling import Shape2D, measured_kspace
from lfsr_tf.physics.settings import AcquisitionConfig

_NOISE_STREAM, _SIGMA_STREAM = 0, 3


def draw_sigma(seeds: tf.Tensor, config: AcquisitionConfig) -> tf.Tensor:
    """One noise level for each image, uniform between `sigma_min` and `sigma_max`.

    Args:
        seeds: int32 [B, 2], one key an image.
        config: The range.

    Returns:
        float32 [B], in units of the volume's reference intensity.
    """
    return config.sigma_min + (config.sigma_max - config.sigma_min) * uniform(seeds, 1, _SIGMA_STREAM)[:, 0]


def simulate_acquisition(
    hr: tf.Tensor, sigma: tf.Tensor, seeds: tf.Tensor, shape: Shape2D, config: AcquisitionConfig
) -> tf.Tensor:
    """Magnitude images as a low-field scanner would give them; `simulate_complex` before the magnitude.

    Returns:
        float32 [B, h, w], magnitude, in the units of `hr`.
    """
    return magnitude(simulate_complex(hr, sigma, seeds, shape, config))


def simulate_complex(
    hr: tf.Tensor, sigma: tf.Tensor, seeds: tf.Tensor, shape: Shape2D, config: AcquisitionConfig
) -> tf.Tensor:
    """Complex images as a low-field scanner acquires them.

    Each image's noise depends on its own seed alone, never on the batch that it stands in.

    Args:
        hr: float32 [B, H, W], noise-free, divided by the volume's reference intensity.
        sigma: float32 [B], standard deviation of the noise of one channel in the low-resolution image.
        seeds: int32 [B, 2], one key an image.
        shape: (h, w) of the acquired matrix.
        config: What the scanner does beyond the crop.

    Returns:
        complex64 [B, h, w], in the units of `hr`.
    """
    kspace = measured_kspace(_shaded_object(hr, seeds, config), shape)
    # Constants keep their value.
    gain = tf.sqrt(math.prod(shape) / tf.cast(math.prod(matrix_size(hr)), tf.float32))
    window = _reconstruction_window(shape, config)
    signal = window * gain
    if config.t2_decay > 0.0:
        signal *= effects.t2_weights(shape[1], config.t2_decay, config.echo_order)
    # The transform is orthonormal: white noise of standard deviation sigma in k-space has sigma in the image.
    # What the window takes away is given back, so that sigma is the image's noise whatever the options.
    level = window * tf.math.rsqrt(tf.reduce_mean(tf.square(window))) * sigma[:, None, None]
    noise = complex_normal(seeds, shape, _NOISE_STREAM)
    return kspace_to_image(kspace * _complex(signal) + noise * _complex(level))


def _shaded_object(hr: tf.Tensor, seeds: tf.Tensor, config: AcquisitionConfig) -> tf.Tensor:
    """The object as the coil sees it: real [B, H, W], or complex if it has a phase."""
    if config.bias_field > 0.0:
        hr = hr * effects.bias_field(seeds, matrix_size(hr), config.bias_field)
    return effects.apply_random_phase(hr, seeds) if config.phase else hr


def _reconstruction_window(shape: Shape2D, config: AcquisitionConfig) -> tf.Tensor:
    """What coverage and filter leave of each k-space sample, signal and noise, float32 [h, w] or [1, 1]."""
    window = tf.ones([1, 1])
    if config.apodisation > 0.0:
        window *= effects.apodisation_window(shape, config.apodisation, config.apodisation_window)
    return window * effects.elliptical_mask(shape) if config.elliptical else window


def _complex(weights: tf.Tensor) -> tf.Tensor:
    return tf.cast(weights, tf.complex64)
