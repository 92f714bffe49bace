"""The simulated acquisition of `lfsr_tf.physics` in JAX: k-space crop, complex noise, magnitude.

Noise that is white in k-space is white in the image, under the orthonormal transform; it is added there.
Random numbers are JAX's own, so that images differ from those of `lfsr_tf.physics` by their noise alone.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def cropped(images: jax.Array, size: int) -> jax.Array:
    """F^-1 D F with sample 0 in its place and constants kept: [B, S, S] -> complex64 [B, size, size]."""
    full = images.shape[-1]
    positive, negative = size - size // 2, size // 2
    kept = jnp.concatenate([jnp.arange(positive), jnp.arange(full - negative, full)])
    kspace = jnp.fft.fft2(images)[:, kept][:, :, kept]
    return jnp.fft.ifft2(kspace) * (size / full) ** 2


def acquire(
    key: jax.Array, images: jax.Array, sigma: jax.Array, size: int, *, phase: bool = False
) -> jax.Array:
    """Magnitude images as a low-field scanner would give them.

    Args:
        key: Of the noise and the phase.
        images: float32 [B, S, S], noise-free, in units of the volume's reference intensity.
        sigma: float32 [B], of one channel in the low-resolution image, in the same units.
        size: Samples along both sides of the acquired matrix.
        phase: Give the object a smooth random phase.

    Returns:
        float32 [B, size, size].
    """
    real_key, imaginary_key, phase_key = jax.random.split(key, 3)
    if phase:
        images = images * jnp.exp(1j * smooth_phase(phase_key, len(images), images.shape[-1]))
    low = cropped(images, size)
    shape = low.shape
    noise = jax.random.normal(real_key, shape) + 1j * jax.random.normal(imaginary_key, shape)
    return jnp.abs(low + sigma[:, None, None] * noise)


def smooth_phase(key: jax.Array, count: int, size: int) -> jax.Array:
    """A random second-order polynomial, its limits those of `lfsr_tf.physics.effects`; [count, S, S]."""
    limits = jnp.array([[jnp.pi, 8.0, 3.0], [8.0, 3.0, 0.0], [3.0, 0.0, 0.0]])
    coefficients = limits * jax.random.uniform(key, (count, 3, 3), minval=-1.0, maxval=1.0)
    axis = 2.0 * jnp.arange(size) / size - 1.0
    powers = jnp.stack([jnp.ones(size), axis, axis**2])
    return jnp.einsum("bpq,py,qx->byx", coefficients, powers, powers)
