"""Transfer functions that differ from image to image, as weights on k-space with sample 0 in its place.

The even ones are those of `lfsr_tf.pairs.augmentation`. The two sides of k-space differ as on measured T1w
scans (`docs/studies/transfer.md`), by more or by less.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

ECHOES = 4
# Parts of the way to the rim at which the difference of both sides is drawn.
PLACES = (0.05, 0.15, 0.3, 0.5, 0.8)


def even_weights(key: jax.Array, count: int, size: int, blur: float, echoes: float) -> jax.Array:
    """Another sharpness for half of the images.

    Args:
        key: Of everything random.
        count: Images, B.
        size: Samples along both axes, S.
        blur: Largest exponent of the Gaussian at the rim; strengths are `blur` times the square of a uniform
            number.
        echoes: Largest logarithm of the weights along one axis, of either sign.

    Returns:
        float32 [B, S, S], above 0, 1 at the centre.
    """
    keys = jax.random.split(key, 4)
    changed = jax.random.bernoulli(keys[0], shape=(count, 1)).astype(jnp.float32)
    strengths = blur * changed * jnp.square(jax.random.uniform(keys[1], (count, 2)))
    exponents = -jnp.square(_axis(size)) * strengths[..., None]
    levels = echoes * changed * jax.random.uniform(keys[2], (count, ECHOES), minval=-1.0, maxval=1.0)
    lines = _along_one_axis(keys[3], _each(_level, levels, size))
    return jnp.exp(_planes(exponents + lines))


def odd_weights(
    key: jax.Array, count: int, size: int, share: float, decibels: float
) -> tuple[jax.Array, jax.Array]:
    """Unequal sides of k-space along one axis, for some of the images.

    Args:
        key: Of everything random.
        count: Images, B.
        size: Samples along both axes, S.
        share: Of the images whose sides differ.
        decibels: Largest difference of their energies. That of an image is uniform up to there, and each of
            `PLACES` has -0.3 to 1 times as much.

    Returns:
        float32 [B, S, S], above 0, 1 everywhere where nothing differs; and bool [B], where something does.
    """
    keys = jax.random.split(key, 5)
    unequal = jax.random.bernoulli(keys[0], share, (count,))
    sign = jax.random.rademacher(keys[1], (count, 1)).astype(jnp.float32)
    largest = sign * jax.random.uniform(keys[2], (count, 1), maxval=decibels) * unequal[:, None]
    drawn = largest * jax.random.uniform(keys[3], (count, len(PLACES)), minval=-0.3, maxval=1.0)
    # Half of the difference is taken from each side, as the logarithm of an amplitude.
    lines = _along_one_axis(keys[4], _each(_side, drawn * jnp.log(10.0) / 40.0, size))
    return jnp.exp(_planes(lines)), unequal


def _axis(size: int) -> jax.Array:
    """Signed distance from the centre of k-space, 1 at the rim; float32 [S], sample 0 first."""
    return 2.0 * jnp.fft.fftfreq(size).astype(jnp.float32)


def _each(profile: Callable[[jax.Array, jax.Array], jax.Array], levels: jax.Array, size: int) -> jax.Array:
    return jax.vmap(lambda row: profile(row, _axis(size)))(levels)


def _level(levels: jax.Array, axis: jax.Array) -> jax.Array:
    """The logarithm of the weights, linear between places at equal distances; 0 at the centre."""
    places = jnp.linspace(0.0, 1.0, ECHOES + 1)
    return jnp.interp(jnp.abs(axis), places, jnp.concatenate([jnp.zeros(1), levels]))


def _side(levels: jax.Array, axis: jax.Array) -> jax.Array:
    return -jnp.sign(axis) * jnp.interp(jnp.abs(axis), jnp.array(PLACES), levels)


def _along_one_axis(key: jax.Array, lines: jax.Array) -> jax.Array:
    """[B, S] along rows or along columns: [B, 2, S] with zeros for the other."""
    rows = jax.random.bernoulli(key, shape=(len(lines), 1)).astype(jnp.float32)
    return jnp.stack([lines * rows, lines * (1.0 - rows)], axis=1)


def _planes(lines: jax.Array) -> jax.Array:
    """Logarithms along both axes [B, 2, S] as those of a plane [B, S, S]."""
    return lines[:, 0, :, None] + lines[:, 1, None, :]
