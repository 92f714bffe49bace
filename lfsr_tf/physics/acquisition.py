"""A simulated low-field acquisition: k-space crop, complex Gaussian noise, magnitude.

The order is the scanner's: the object gets its phase and its coil shading, only the centre of k-space is
sampled, the samples carry noise, and the image is the magnitude, so its noise is Rician. The transforms are
unitary: white noise of the samples is white noise of the image, where it costs no transform to draw it.
Source: de Leeuw den Bouter et al., Scientific Reports 12 (2022), doi:10.1038/s41598-022-10298-6, Methods.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics import effects
from lfsr_tf.physics.channels import Channels, channels_of, magnitude_of
from lfsr_tf.physics.fourier import Shape2D, matrix_size
from lfsr_tf.physics.randomness import normal_channels, uniform
from lfsr_tf.physics.sampling import growth, transform_block, unscaled_downsample
from lfsr_tf.physics.settings import AcquisitionConfig

_NOISE_STREAM, _SIGMA_STREAM = 0, 3
# Axes of what is given, and their sizes where they are fixed.
_AXES = {"hr": ("[B, H, W]", (None, None, None)), "sigma": ("[B]", (None,)), "seeds": ("[B, 2]", (None, 2))}


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

    Each image's noise depends on its own seed alone, never on the batch that it stands in.

    Args:
        hr: float32 [B, H, W], noise-free, divided by the volume's reference intensity.
        sigma: float32 [B], standard deviation of the noise of one channel in the low-resolution image, in
            the units of `hr`; 0 adds none.
        seeds: int32 [B, 2], one key an image.
        shape: (h, w) of the acquired matrix, at most (H, W).
        config: What the scanner does beyond the crop; its range of noise levels is not looked at.

    Returns:
        float32 [B, h, w], magnitude, in the units of `hr`.

    Raises:
        ConfigError: Something has other axes, the numbers of images differ, or the matrix is larger than
            `hr`. In a graph only what is known when it is traced is looked at.
    """
    return magnitude_of(_unscaled(hr, sigma, seeds, shape, config)) * growth(hr, shape)


def simulate_complex(
    hr: tf.Tensor, sigma: tf.Tensor, seeds: tf.Tensor, shape: Shape2D, config: AcquisitionConfig
) -> tf.Tensor:
    """Complex images as a low-field scanner acquires them.

    Each image's noise depends on its own seed alone, never on the batch that it stands in.

    Args:
        hr: As of `simulate_acquisition`, and so the others.
        sigma: float32 [B].
        seeds: int32 [B, 2].
        shape: (h, w).
        config: What the scanner does beyond the crop.

    Returns:
        complex64 [B, h, w], in the units of `hr`.

    Raises:
        ConfigError: As of `simulate_acquisition`.
    """
    image = tf.complex(*_unscaled(hr, sigma, seeds, shape, config))
    return image * tf.cast(growth(hr, shape), image.dtype)


def _unscaled(
    hr: tf.Tensor, sigma: tf.Tensor, seeds: tf.Tensor, shape: Shape2D, config: AcquisitionConfig
) -> Channels:
    """Both channels as plain transforms leave them; times `growth` they have the unit of `hr`."""
    _check_axes(hr=hr, sigma=sigma, seeds=seeds)
    scanned = _shaded_object(hr, seeds, config)
    noise = normal_channels(seeds, shape, _NOISE_STREAM, sigma / growth(hr, shape))
    if config.apodisation or config.elliptical or config.t2_decay:
        signal_weights, noise_weights = _weights(shape, config)
        samples = transform_block(scanned, shape) * signal_weights
        samples += tf.signal.fft2d(tf.complex(*noise)) * noise_weights
        return channels_of(tf.signal.ifft2d(samples))
    signal = unscaled_downsample(scanned, shape)
    return signal[0] + noise[0], signal[1] + noise[1]


def _check_axes(**given: tf.Tensor) -> None:
    """Look at what is known of the shapes, without any operation."""
    shapes = {
        name: value.shape if hasattr(value, "shape") else np.shape(value) for name, value in given.items()
    }
    known = {name: tf.TensorShape(shape) for name, shape in shapes.items()}
    batch = tf.TensorShape([None])
    for name, (axes, sizes) in _AXES.items():
        if not known[name].is_compatible_with(sizes):
            raise ConfigError(f"Expected {name} {axes}. Received: shape {known[name]}.")
        if not known[name][:1].is_compatible_with(batch):
            raise ConfigError(
                f"Expected {name} {axes} with B = {batch[0]} as in hr. Received: shape {known[name]}."
            )
        batch = batch if batch[0] is not None else known[name][:1]


def _shaded_object(hr: tf.Tensor, seeds: tf.Tensor, config: AcquisitionConfig) -> tf.Tensor:
    """The object as the coil sees it: real [B, H, W], or complex if it has a phase."""
    if config.bias_field > 0.0:
        hr = hr * effects.bias_field(seeds, matrix_size(hr), config.bias_field)
    return effects.apply_random_phase(hr, seeds) if config.phase else hr


def _weights(shape: Shape2D, config: AcquisitionConfig) -> tuple[tf.Tensor, tf.Tensor]:
    """What coverage, filter and decay leave of each sample of signal and noise: complex64 [h, w]."""
    window = effects.apodisation_window(shape, config.apodisation, config.apodisation_window)
    if config.elliptical:
        window *= effects.elliptical_mask(shape)
    decay = effects.t2_weights(shape[1], config.t2_decay, config.echo_order)
    # What the window takes away is given back, so that sigma is the image's noise whatever the options.
    noise = window * tf.math.rsqrt(tf.reduce_mean(tf.square(window)))
    return _plain_order(window * decay), _plain_order(noise)


def _plain_order(weights: tf.Tensor) -> tf.Tensor:
    """Weights of centred k-space for a plain transform, whose frequency 0 comes first."""
    return tf.cast(tf.signal.ifftshift(weights, axes=(-2, -1)), tf.complex64)
