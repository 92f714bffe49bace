"""What is done at random to training images, each keyed by itself: gain, symmetry, sharpness, noise."""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.pairs.keys import GAIN_STREAM, HR_NOISE_STREAM, SYMMETRY_STREAM, TRANSFER_STREAM, seeds_of
from lfsr_tf.pairs.options import PipelineConfig
from lfsr_tf.physics.effects import echo_weights, gaussian_weights
from lfsr_tf.physics.fourier import image_to_kspace, kspace_to_image, matrix_size
from lfsr_tf.physics.randomness import complex_normal, uniform

# "lr" float32 [B, h, w], "hr" float32 [B, s h, s w], "sigma" float32 [B] and the random "key" int64 [B].
Batch = dict[str, tf.Tensor]
# Places from the centre of k-space to its rim at which echoes have weights of their own.
_ECHOES = 4


def augmented(hr: tf.Tensor, keys: tf.Tensor, options: PipelineConfig) -> tf.Tensor:
    """Whole HR slices as training shall see them, before they are degraded.

    Args:
        hr: float32 [B, S, S].
        keys: int64 [B].
        options: Which symmetries, and which transfer functions.

    Returns:
        float32 [B, S, S].
    """
    hr = random_symmetry(hr, keys, options.flips, options.rotations)
    hr = random_transfer(hr, keys, options.blur, options.echoes)
    return noisy_truth(hr, keys, options.hr_noise)


def random_gain(batch: Batch, lowest: float, highest: float) -> Batch:
    """Multiply LR, HR and sigma of each pair by one gain between `lowest` and `highest`."""
    gain = lowest + (highest - lowest) * uniform(seeds_of(batch["key"]), 1, GAIN_STREAM)[:, 0]
    scaled = {name: batch[name] * gain[:, None, None] for name in ("lr", "hr")}
    return {**batch, **scaled, "sigma": batch["sigma"] * gain}


def random_transfer(images: tf.Tensor, keys: tf.Tensor, blur: float, echoes: float) -> tf.Tensor:
    """Give half of the HR slices another modulation transfer function before they are degraded.

    Real low-field scans have one of their own, inside the acquired matrix and beyond. Decay along the echo
    train, an uneven field and motion blur: on 0.055 T scans the outer half of k-space along one axis holds 3
    to 10 dB less than on high-field scans cut to the same matrix. And lines of k-space have weights of their
    own, as from different echoes: on T1w scans those a third of the way to the rim are up to 11 dB weaker on
    one side (`docs/studies/transfer.md`). The truth that LR is compared with is changed alike, so a network
    learns to see what the object is like, and not to undo it.

    Args:
        images: float32 [B, H, W].
        keys: int64 [B].
        blur: Largest exponent at the rim of k-space, as `gaussian_weights` has it. Strengths along the two
            axes are `blur` times the square of a uniform number: half of them stay below a quarter of it.
        echoes: Largest logarithm of the weights along one axis, of either sign, as `echo_weights` has them.

    Returns:
        float32 [B, H, W]; slightly negative beside sharp edges.
    """
    if not (blur or echoes):
        return images
    height, width = matrix_size(images)
    draws = uniform(seeds_of(keys), 4 + _ECHOES, TRANSFER_STREAM)
    changed = tf.cast(draws[:, :1] < 0.5, tf.float32)
    weights = gaussian_weights(blur * changed * tf.square(draws[:, 1:3]), (height, width))
    levels = echoes * changed * (2.0 * draws[:, 4:] - 1.0)
    along_rows = tf.cast(draws[:, 3:4] < 0.5, tf.float32)
    weights *= echo_weights(levels * along_rows, height)[:, :, None]
    weights *= echo_weights(levels * (1.0 - along_rows), width)[:, None, :]
    return tf.math.real(kspace_to_image(image_to_kspace(images) * tf.cast(weights, tf.complex64)))


def noisy_truth(images: tf.Tensor, keys: tf.Tensor, sigma: float) -> tf.Tensor:
    """Add complex Gaussian noise to the k-space of HR slices, LR and truth alike: a way to more data.

    Args:
        images: float32 [B, H, W], H and W known, in units of the reference intensity.
        keys: int64 [B].
        sigma: Standard deviation of one channel, in the same units.

    Returns:
        float32 [B, H, W], the magnitude, so that the noise is Rician.
    """
    if not sigma:
        return images
    # The transform is orthonormal: noise on k-space is the same noise on the image.
    noise = complex_normal(seeds_of(keys), tuple(images.shape[1:]), HR_NOISE_STREAM, sigma)
    return tf.sqrt(tf.square(images + tf.math.real(noise)) + tf.square(tf.math.imag(noise)))


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
