"""A simulated low-field acquisition: k-space crop, complex Gaussian noise, magnitude.

The order is the scanner's: the object gets its phase and its coil shading, only the centre of k-space is sampled,
the samples carry noise, and the image is the magnitude, so its noise is Rician.
Source: de Leeuw den Bouter et al., Scientific Reports 12 (2022), doi:10.1038/s41598-022-10298-6, Methods.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics.fourier import image_to_kspace, kspace_to_image
from lfsr_tf.physics.sampling import Shape2D, crop_kspace


@dataclass(frozen=True)
class AcquisitionConfig:
    """What the simulated scanner does to a high-field slice. The defaults are the paper's.

    Attributes:
        sigma_min: Smallest noise level, in units of the volume's 99.9th percentile.
        sigma_max: Largest noise level. Real 0.055 T scans have 0.018 to 0.052.
        phase: Give the object a smooth random phase.
        elliptical: Sample only the ellipse that the k-space matrix circumscribes.
        apodisation: Strength of a filter that damps the rim of k-space, 0 (none) to 1.
        t2_decay: Length of the echo train in units of T2; 0 means no decay along the phase-encoding direction.
        bias_field: Largest relative deviation of a smooth receive-coil shading, 0 (none) to below 1.
    """

    sigma_min: float = 0.0
    sigma_max: float = 0.08
    phase: bool = False
    elliptical: bool = False
    apodisation: float = 0.0
    t2_decay: float = 0.0
    bias_field: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: A value is out of its range.
        """
        if not 0.0 <= self.sigma_min <= self.sigma_max < 1.0:
            raise ConfigError(
                f"Expected 0 <= sigma_min <= sigma_max < 1. Received: {self.sigma_min} and {self.sigma_max}."
            )
        for name, upper in (("apodisation", 1.0), ("t2_decay", 10.0), ("bias_field", 0.99)):
            value = getattr(self, name)
            if not 0.0 <= value <= upper:
                raise ConfigError(f"Expected {name} in [0, {upper}]. Received: {value}.")


def draw_sigma(seeds: tf.Tensor, config: AcquisitionConfig) -> tf.Tensor:
    """One noise level for each image, uniform between `sigma_min` and `sigma_max`.

    Args:
        seeds: int32 [B, 2], one key an image.
        config: The range.

    Returns:
        float32 [B], in units of the volume's reference intensity.
    """

    def one(seed: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform([], seed, config.sigma_min, config.sigma_max)

    return tf.map_fn(one, seeds, fn_output_signature=tf.float32)


def simulate_acquisition(
    hr: tf.Tensor, sigma: tf.Tensor, seeds: tf.Tensor, shape: Shape2D, config: AcquisitionConfig
) -> tf.Tensor:
    """Magnitude images as a low-field scanner would give them.

    Each image's noise depends on its own seed alone, never on the batch that it stands in.

    Args:
        hr: float32 [B, H, W], noise-free, divided by the volume's reference intensity.
        sigma: float32 [B], standard deviation of the noise of one channel in the low-resolution image.
        seeds: int32 [B, 2], one key an image.
        shape: (h, w) of the acquired matrix.
        config: What the scanner does beyond the crop.

    Returns:
        float32 [B, h, w], magnitude, in the units of `hr`.
    """
    kspace = crop_kspace(image_to_kspace(hr), shape)
    full, kept = tf.shape(hr)[-2:], shape[0] * shape[1]
    scale = tf.sqrt(tf.cast(kept, tf.float32) / tf.cast(tf.reduce_prod(full), tf.float32))
    noise = complex_noise(seeds, shape) * tf.cast(sigma[:, None, None], tf.complex64)
    # The transform is orthonormal, so noise of standard deviation sigma in k-space has sigma in the image too.
    return tf.abs(kspace_to_image(kspace * tf.cast(scale, tf.complex64) + noise))


def complex_noise(seeds: tf.Tensor, shape: Shape2D) -> tf.Tensor:
    """White complex Gaussian noise, complex64 [B, h, w], of unit standard deviation in each channel."""

    def one(seed: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_normal([*shape, 2], seed)

    channels = tf.map_fn(one, seeds, fn_output_signature=tf.float32)
    return tf.complex(channels[..., 0], channels[..., 1])
