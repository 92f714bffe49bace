"""A simulated low-field acquisition: k-space crop, complex Gaussian noise, magnitude.

The order is the scanner's: the object gets its phase and its coil shading, only the centre of k-space is
sampled, the samples carry noise, and the image is the magnitude, so its noise is Rician.
Source: de Leeuw den Bouter et al., Scientific Reports 12 (2022), doi:10.1038/s41598-022-10298-6, Methods.
"""

from __future__ import annotations

import math

import tensorflow as tf

from lfsr_tf.physics import effects
from lfsr_tf.physics.fourier import matrix_size
from lfsr_tf.physics.phase import magnitude
from lfsr_tf.physics.randomness import complex_normal, uniform
from lfsr_tf.physics.sampling import Shape2D, growth, transform_block
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
    return magnitude(_unscaled(hr, sigma, seeds, shape, config)) * growth(hr, shape)


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
    image = _unscaled(hr, sigma, seeds, shape, config)
    return image * tf.cast(growth(hr, shape), image.dtype)


def _unscaled(
    hr: tf.Tensor, sigma: tf.Tensor, seeds: tf.Tensor, shape: Shape2D, config: AcquisitionConfig
) -> tf.Tensor:
    """The complex images as plain transforms leave them; times `growth` they have the unit of `hr`."""
    kspace = transform_block(_shaded_object(hr, seeds, config), shape)
    # Noise of standard deviation sigma in an image has sigma sqrt(h w) in its plain transform.
    level = sigma * math.sqrt(math.prod(shape)) / growth(hr, shape)
    noise = complex_normal(seeds, shape, _NOISE_STREAM, level)
    if config.apodisation or config.elliptical or config.t2_decay:
        signal_weights, noise_weights = _weights(shape, config)
        kspace, noise = kspace * signal_weights, noise * noise_weights
    return tf.signal.ifft2d(kspace + noise)


def _shaded_object(hr: tf.Tensor, seeds: tf.Tensor, config: AcquisitionConfig) -> tf.Tensor:
    """The object as the coil sees it: real [B, H, W], or complex if it has a phase."""
    if config.bias_field > 0.0:
        hr = hr * effects.bias_field(seeds, matrix_size(hr), config.bias_field)
    return effects.apply_random_phase(hr, seeds) if config.phase else hr


def _weights(shape: Shape2D, config: AcquisitionConfig) -> tuple[tf.Tensor, tf.Tensor]:
    """What coverage, filter and decay leave of each sample of signal and noise: complex64 [h, w]."""
    window, decay = tf.ones(shape), tf.ones(shape)
    if config.apodisation > 0.0:
        window *= effects.apodisation_window(shape, config.apodisation, config.apodisation_window)
    if config.elliptical:
        window *= effects.elliptical_mask(shape)
    if config.t2_decay > 0.0:
        decay *= effects.t2_weights(shape[1], config.t2_decay, config.echo_order)
    # What the window takes away is given back, so that sigma is the image's noise whatever the options.
    noise = window * tf.math.rsqrt(tf.reduce_mean(tf.square(window)))
    return _plain_order(window * decay), _plain_order(noise)


def _plain_order(weights: tf.Tensor) -> tf.Tensor:
    """Weights of centred k-space for a plain transform, whose frequency 0 comes first."""
    return tf.cast(tf.signal.ifftshift(weights, axes=(-2, -1)), tf.complex64)
