"""Finding the background of magnitude images, where there is noise and nothing else.

The background is not assumed to lie in the corners, or anywhere. The images are cut into blocks; blocks
that are not distributed like noise are dropped, and of the rest the darkest mode of the mean square is
taken, provided that what was chosen has the distribution and the lack of structure that noise has. No step
needs white noise or a particular matrix, so zero-filled images, whose noise is correlated, are measured
correctly.

Textured tissue may have all that, too. But nothing is darker than noise: where blocks are much darker than
a mode, that mode is tissue. Of a block that is not all noise its darkest quarter counts, since air between
tissue may be too narrow for a block.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy import special

from lfsr_tf.physics.intensity import reference_intensity

BLOCK = 8
# Of the reference intensity: transforms in single precision leave so little where an image was masked.
ROUNDING = 1e-6
_LEAST_BLOCKS = 6
_LEAST_FRACTION = 0.01
_LEAST_PURITY = 0.4
# Receiver filters make the noise power vary by a factor of two across the image of some scanners.
BAND = 1.8
_PROBABILITIES = (0.1, 0.25, 0.5, 0.75, 0.9)
_LARGEST_MISFIT = 0.06
# In energy of the mode. Blocks that are darker still are at most 4.5 % as many as the mode's where it is
# noise, in images of single coils or zero-filled threefold, too; beside tissue they are mostly many more.
_DARK = 1 / 4
_LARGEST_DARKER = 0.05
# Share of a block's variance that lies between its quarters: 0.05 for white noise, 0.2 for noise zero-filled
# twofold in both directions, 0.4 and more for tissue at the rim of a mask.
_LARGEST_STRUCTURE = 0.35


class BackgroundNoise(NamedTuple):
    """Measurements of the background of G groups of images, as tensors.

    Attributes:
        sigma: float32 [G], NaN where no background was found.
        fraction: float32 [G], part of the image area that counts as background.
    """

    sigma: tf.Tensor
    fraction: tf.Tensor


def background_noise(images: tf.Tensor, *, coils: int = 1, per_image: bool = False) -> BackgroundNoise:
    """Find the background of magnitude images and measure its noise; runs batched in a `tf.function`.

    Args:
        images: Magnitudes [N, H, W] of any real dtype, H and W at least `BLOCK`.
        coils: Coils whose root sum of squares the images are.
        per_image: Measure each image by itself (G = N) instead of all of them together (G = 1).

    Returns:
        sigma, and the part of the images that it was measured in.
    """
    blocks = _blocks(without_rounding(tf.cast(images, tf.float32), per_image=per_image), per_image)
    power = tf.reduce_mean(tf.square(blocks), axis=-1)
    energy = power / (2.0 * coils)
    spread = 1.0 - tf.math.divide_no_nan(tf.square(tf.reduce_mean(blocks, axis=-1)), power)
    expected = 1.0 - _mean_squared_over_power(coils)
    filled = tf.reduce_mean(tf.cast(blocks > 0.0, tf.float32), axis=-1) > 0.5
    like_noise = filled & (tf.abs(spread - expected) < 0.4 * expected)
    darkest = tf.where(like_noise, energy, _darkest_quarter(blocks) / (2.0 * coils))
    centre = _darkest_mode(energy, filled, like_noise, darkest, _compared if per_image else _searched)
    chosen = _within_band(energy, like_noise, centre)
    weight = tf.cast(chosen, tf.float32)
    count = tf.reduce_sum(weight, axis=-1)
    fraction = count / tf.cast(tf.shape(energy)[-1], tf.float32)
    trusted = (count >= _LEAST_BLOCKS) & (fraction >= _LEAST_FRACTION)
    trusted &= _misfit(blocks, energy, weight, coils) <= _LARGEST_MISFIT
    trusted &= _structure(blocks, weight) <= _LARGEST_STRUCTURE
    far_darker = tf.reduce_sum(tf.cast(darkest < _DARK * centre[:, None], tf.float32), axis=-1)
    trusted &= far_darker <= _LARGEST_DARKER * count
    return BackgroundNoise(tf.where(trusted, tf.sqrt(centre), math.nan), fraction)


def without_rounding(images: tf.Tensor, *, per_image: bool = False) -> tf.Tensor:
    """Images [N, H, W] whose rounding errors are 0, as a mask left them before a transform.

    Args:
        images: Real floating-point or complex; what is not finite becomes 0, too.
        per_image: Compare the pixels with the reference intensity of their own image instead of all images.
    """
    size = tf.abs(images)
    size = tf.where(tf.math.is_finite(size), size, tf.zeros_like(size))
    # The largest pixel may be an outlier, beside which noise is small.
    reference = tf.cast(reference_intensity(size, per_image=per_image), size.dtype)
    return tf.where(size > ROUNDING * tf.reshape(reference, [-1, 1, 1]), images, tf.zeros_like(images))


def _blocks(images: tf.Tensor, per_image: bool) -> tf.Tensor:
    """Cut [N, H, W] into square blocks, float32 [G, blocks, pixels]; an incomplete rim is left out."""
    shape = tf.shape(images)
    rows, columns = shape[1] // BLOCK, shape[2] // BLOCK
    cut = images[:, : rows * BLOCK, : columns * BLOCK]
    blocks = tf.transpose(tf.reshape(cut, [shape[0], rows, BLOCK, columns, BLOCK]), [0, 1, 3, 2, 4])
    # Not -1, which says nothing where there are no images.
    groups = [shape[0], rows * columns] if per_image else [1, shape[0] * rows * columns]
    return tf.reshape(blocks, [*groups, BLOCK**2])


def _darkest_quarter(blocks: tf.Tensor) -> tf.Tensor:
    """Least mean square [G, blocks] of the quarters of each block; infinite where a mask touches it."""
    power = tf.reduce_mean(_quarters(tf.square(blocks)), axis=(3, 5))
    return tf.where(tf.reduce_min(blocks, axis=-1) > 0.0, tf.reduce_min(power, axis=(2, 3)), math.inf)


def _quarters(blocks: tf.Tensor) -> tf.Tensor:
    """[G, blocks, pixels] as [G, blocks, 2, half a block, 2, half a block]."""
    return tf.reshape(blocks, [*tf.unstack(tf.shape(blocks)[:2]), 2, BLOCK // 2, 2, BLOCK // 2])


def _mean_squared_over_power(coils: int) -> float:
    """E[m]^2 / E[m^2] of the central chi distribution: pi / 4 for one coil."""
    return math.exp(2.0 * (math.lgamma(coils + 0.5) - math.lgamma(coils))) / coils


def _searched(ordered: tf.Tensor, limits: tf.Tensor, inclusive: bool) -> tf.Tensor:
    """How many of the ordered values [G, n] lie below (or at) each limit [G, m]."""
    return tf.searchsorted(ordered, limits, side="right" if inclusive else "left")


def _compared(ordered: tf.Tensor, limits: tf.Tensor, inclusive: bool) -> tf.Tensor:
    """The same by comparing all with all: quick for the blocks of one image, and every runtime can do it."""
    values, bounds = ordered[:, None, :], limits[:, :, None]
    below = values <= bounds if inclusive else values < bounds
    return tf.reduce_sum(tf.cast(below, tf.int32), axis=-1)


def _darkest_mode(
    energy: tf.Tensor,
    filled: tf.Tensor,
    like_noise: tf.Tensor,
    darkest: tf.Tensor,
    count_below: Callable[[tf.Tensor, tf.Tensor, bool], tf.Tensor],
) -> tf.Tensor:
    """The energy [G] around which most blocks [G, blocks] crowd, refined to the median of its surroundings.

    Nothing is darker than noise: a place counts only if enough of the blocks that are no brighter are like
    noise, and hardly any block is far darker in its `darkest` part. Textured tissue that happens to look
    like noise has all other dark tissue, and the air, below it.
    """
    order = tf.sort(tf.where(like_noise, energy, math.inf), axis=-1)
    upper = count_below(order, order * 1.4, True)
    crowd = upper - count_below(order, order / 1.4, False)
    darker = count_below(tf.sort(tf.where(filled, energy, math.inf), axis=-1), order * 1.4, True)
    pure = tf.cast(upper, tf.float32) >= _LEAST_PURITY * tf.cast(darker, tf.float32)
    far_darker = tf.cast(count_below(tf.sort(darkest, axis=-1), _DARK * order, False), tf.float32)
    # A crowd is narrower than the band around the mode in the end.
    pure &= far_darker <= 1.5 * _LARGEST_DARKER * tf.cast(crowd, tf.float32)
    crowd = tf.where(tf.math.is_finite(order) & pure, crowd, 0)
    centre = tf.gather(order, tf.argmax(crowd, axis=-1), batch_dims=1)
    for _ in range(6):
        centre = median(energy, _within_band(energy, like_noise, centre))
    return centre


def _within_band(energy: tf.Tensor, like_noise: tf.Tensor, centre: tf.Tensor) -> tf.Tensor:
    return like_noise & (energy < centre[:, None] * BAND) & (energy > centre[:, None] / BAND)


def median(values: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Median [G] of the chosen values [G, n]; infinite where none is chosen."""
    if tf.executing_eagerly():
        # The same figure in a tenth of the time that sorting takes.
        groups = zip(values.numpy(), chosen.numpy(), strict=True)
        middle = [np.median(group[these]) if these.any() else math.inf for group, these in groups]
        return tf.constant(middle, values.dtype, [len(middle)])
    order = tf.sort(tf.where(chosen, values, tf.constant(math.inf, values.dtype)), axis=-1)
    count = tf.reduce_sum(tf.cast(chosen, tf.int32), axis=-1)
    lower, upper = (
        tf.gather(order, tf.maximum(index, 0), batch_dims=1) for index in ((count - 1) // 2, count // 2)
    )
    return (lower + upper) / 2


def _misfit(blocks: tf.Tensor, energy: tf.Tensor, weight: tf.Tensor, coils: int) -> tf.Tensor:
    """Largest distance [G] between the distribution of the chosen blocks and theory, at five quantiles."""
    # m^2 / (2 sigma^2) follows a gamma distribution of order n; each block is compared with its own mean.
    quantiles = special.gammaincinv(coils, _PROBABILITIES)
    total = tf.maximum(tf.reduce_sum(weight, axis=-1), 1.0)
    distances = []
    for probability, quantile in zip(_PROBABILITIES, quantiles, strict=True):
        below = tf.square(blocks) <= 2.0 * float(quantile) * energy[..., None]
        part = tf.reduce_mean(tf.cast(below, tf.float32), axis=-1)
        distances.append(tf.abs(tf.reduce_sum(part * weight, axis=-1) / total - probability))
    return tf.reduce_max(tf.stack(distances), axis=0)


def _structure(blocks: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Share [G] of the chosen blocks' variance that lies between their four quarters."""
    between = tf.math.reduce_variance(tf.reduce_mean(_quarters(blocks), axis=(3, 5)), axis=(2, 3))
    within = tf.math.reduce_variance(blocks, axis=-1)
    return tf.math.divide_no_nan(tf.reduce_sum(between * weight, -1), tf.reduce_sum(within * weight, -1))
