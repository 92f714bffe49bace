"""What is done at random to training images: gain, symmetry and blur, each keyed by the image itself."""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.pairs.keys import BLUR_STREAM, GAIN_STREAM, SYMMETRY_STREAM, seeds_of
from lfsr_tf.pairs.options import PipelineConfig
from lfsr_tf.physics.effects import gaussian_weights
from lfsr_tf.physics.fourier import image_to_kspace, kspace_to_image, matrix_size
from lfsr_tf.physics.randomness import uniform

# "lr" float32 [B, h, w], "hr" float32 [B, s h, s w], "sigma" float32 [B] and the random "key" int64 [B].
Batch = dict[str, tf.Tensor]


def augmented(hr: tf.Tensor, keys: tf.Tensor, options: PipelineConfig) -> tf.Tensor:
    """Whole HR slices as training shall see them, before they are degraded.

    Args:
        hr: float32 [B, S, S].
        keys: int64 [B].
        options: Which symmetries, and how much blur.

    Returns:
        float32 [B, S, S].
    """
    return random_blur(random_symmetry(hr, keys, options.flips, options.rotations), keys, options.blur)


def random_gain(batch: Batch, lowest: float, highest: float) -> Batch:
    """Multiply LR, HR and sigma of each pair by one gain between `lowest` and `highest`."""
    gain = lowest + (highest - lowest) * uniform(seeds_of(batch["key"]), 1, GAIN_STREAM)[:, 0]
    scaled = {name: batch[name] * gain[:, None, None] for name in ("lr", "hr")}
    return {**batch, **scaled, "sigma": batch["sigma"] * gain}


def random_blur(images: tf.Tensor, keys: tf.Tensor, strongest: float) -> tf.Tensor:
    """Blur half of the HR slices before they are degraded, each along both axes by strengths of its own.

    Low-field scans are blurred by more than their matrix: by decay along the echo train, by an uneven field,
    by motion. On 0.055 T scans the outer half of k-space along one axis or both holds up to 9 dB less than
    on high-field scans cut to the same matrix. The truth that LR is compared with is blurred alike, so a
    network does not learn to sharpen but to see how sharp the object is.

    Args:
        images: float32 [B, H, W].
        keys: int64 [B].
        strongest: Largest exponent at the rim of k-space, as `gaussian_weights` has it. Where an image is
            blurred, strengths are `strongest` times the square of a uniform number: half of them stay below
            a quarter of it.

    Returns:
        float32 [B, H, W].
    """
    if not strongest:
        return images
    draws = uniform(seeds_of(keys), 3, BLUR_STREAM)
    blurred = tf.cast(draws[:, :1] < 0.5, tf.float32)
    strengths = strongest * blurred * tf.square(draws[:, 1:])
    weights = gaussian_weights(strengths, matrix_size(images))
    kspace = image_to_kspace(images) * tf.cast(weights, tf.complex64)
    return tf.math.real(kspace_to_image(kspace))


def random_symmetry(images: tf.Tensor, keys: tf.Tensor, flips: bool, rotations: bool) -> tf.Tensor:
    """Mirror or turn whole HR slices about sample 0, before they are degraded.

    A mirrored patch would shift HR against LR, since LR sample i lies at HR sample s * i and not in the
    middle of s samples. The mirror image of a periodic slice, x[-j mod S], keeps sample 0 and commutes with
    the k-space crop (but for the one line at its rim that has no partner).

    Args:
        images: float32 [B, S, S].
        keys: int64 [B].
        flips: Mirror along each axis with probability 1/2.
        rotations: Transpose with probability 1/2 as well; alone, turn by a multiple of 90 degrees.

    Returns:
        float32 [B, S, S].
    """
    if not (flips or rotations):
        return images
    coins = uniform(seeds_of(keys), 3, SYMMETRY_STREAM) < 0.5
    rows, columns, transposed = coins[:, 0], coins[:, 1], coins[:, 2] & rotations
    if not flips:
        # A turn is a transposition with one mirroring, or two mirrorings without.
        columns = tf.math.logical_xor(rows, transposed)
    images = _where(rows, _mirrored(images, 1), images)
    images = _where(columns, _mirrored(images, 2), images)
    return _where(transposed, tf.transpose(images, [0, 2, 1]), images)


def _mirrored(images: tf.Tensor, axis: int) -> tf.Tensor:
    return tf.roll(tf.reverse(images, [axis]), 1, axis)


def _where(chosen: tf.Tensor, changed: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    return tf.where(chosen[:, None, None], changed, images)
