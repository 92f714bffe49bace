"""The simulated acquisition of `lfsr_tf.physics` in JAX: crop, noise, magnitude or part in phase.

Noise that is white in k-space is white in the image, under the orthonormal transform; it is added there.
Random numbers are JAX's own, so that images differ from those of `lfsr_tf.physics` by their noise alone.
Sample 0 is the origin of images and of k-space everywhere.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lfsr_tf.physics.settings import PHASE_WIDTH


def cropped(images: jax.Array, size: int) -> jax.Array:
    """F^-1 D F with sample 0 in its place and constants kept: [B, S, S] -> complex64 [B, size, size]."""
    full = images.shape[-1]
    kept = _kept(size, full)
    kspace = jnp.fft.fft2(images)[:, kept][:, :, kept]
    return jnp.fft.ifft2(kspace) * (size / full) ** 2


def zero_filled(images: jax.Array, size: int) -> jax.Array:
    """F^-1 D^T F, the counterpart of `cropped`: [B, s, s] -> complex64 [B, size, size]."""
    small = images.shape[-1]
    kept = _kept(small, size)
    kspace = jnp.zeros((len(images), size, size), jnp.complex64)
    kspace = kspace.at[:, kept[:, None], kept].set(jnp.fft.fft2(images))
    return jnp.fft.ifft2(kspace) * (size / small) ** 2


def _kept(size: int, full: int) -> jax.Array:
    positive, negative = size - size // 2, size // 2
    return jnp.concatenate([jnp.arange(positive), jnp.arange(full - negative, full)])


def acquire(key: jax.Array, images: jax.Array, sigma: jax.Array, size: int) -> jax.Array:
    """Complex images as a low-field scanner would give them.

    Args:
        key: Of the noise.
        images: float32 or complex64 [B, S, S], noise-free, in units of the volume's reference intensity.
        sigma: float32 [B], of one channel in the low-resolution image, in the same units.
        size: Samples along both sides of the acquired matrix.

    Returns:
        complex64 [B, size, size].
    """
    real_key, imaginary_key = jax.random.split(key)
    low = cropped(images, size)
    noise = jax.random.normal(real_key, low.shape) + 1j * jax.random.normal(imaginary_key, low.shape)
    return low + sigma[:, None, None] * noise


def smooth(images: jax.Array) -> jax.Array:
    """Low frequencies alone, which show the phase, as `lfsr_tf.physics.phase.low_pass` leaves them."""
    profile = jnp.exp(-jnp.square(2.0 * jnp.fft.fftfreq(images.shape[-1]) / PHASE_WIDTH))
    return jnp.fft.ifft2(jnp.fft.fft2(images) * profile[:, None] * profile)


def part_in_phase(images: jax.Array, with_images: jax.Array) -> jax.Array:
    """Re(y exp(-i arg z)) of complex [B, S, S] each; 0 where z is."""
    length = jnp.abs(with_images)
    product = images.real * with_images.real + images.imag * with_images.imag
    return jnp.where(length > 0.0, product / jnp.where(length > 0.0, length, 1.0), 0.0)


def smooth_phase(key: jax.Array, count: int, size: int) -> jax.Array:
    """A random second-order polynomial, its limits those of `lfsr_tf.physics.effects`; [count, S, S]."""
    limits = jnp.array([[jnp.pi, 8.0, 3.0], [8.0, 3.0, 0.0], [3.0, 0.0, 0.0]])
    coefficients = limits * jax.random.uniform(key, (count, 3, 3), minval=-1.0, maxval=1.0)
    axis = 2.0 * jnp.arange(size) / size - 1.0
    powers = jnp.stack([jnp.ones(size), axis, axis**2])
    return jnp.einsum("bpq,py,qx->byx", coefficients, powers, powers)
