"""The phase of an image, and its part in phase: more than a magnitude tells, where k-space is at hand.

What an MR image shows is real and positive; receive coils and off-resonance turn it in the complex plane,
smoothly over the image. The low frequencies of k-space show that turn. Once it is taken back, the signal is
in the real part, and the imaginary part holds noise alone and what blur did to the phase. The real part has
Gaussian noise without the bias of a magnitude, and it is blurred as the object is; the magnitude of a
blurred image is not the blurred magnitude. In air, where the phase can follow nothing but the noise, two
thirds of the noise power of a magnitude are left.

Sources: Bernstein, Thomasson and Perman, "Improved detectability in low signal-to-noise ratio magnetic
resonance images by means of a phase-corrected real reconstruction", Medical Physics 16 (1989),
doi:10.1118/1.596304; for coils Roemer et al., Magnetic Resonance in Medicine 16 (1990),
doi:10.1002/mrm.1910160203, with the smooth image of each coil as its sensitivity.
"""

from __future__ import annotations

import tensorflow as tf

from lfsr_tf.physics.channels import channels_of, power_of
from lfsr_tf.physics.fourier import image_to_kspace, kspace_to_image, matrix_size
from lfsr_tf.physics.settings import PHASE_WIDTH


def low_pass(kspace: tf.Tensor, width: float = PHASE_WIDTH) -> tf.Tensor:
    """Weight centred k-space with a Gaussian, which leaves the phase and takes the detail.

    Args:
        kspace: complex [..., h, w].
        width: Where the weight is 1/e along an axis, as a part of the distance from centre to rim.

    Returns:
        complex [..., h, w].
    """
    rows, columns = (_gaussian(size, width) for size in matrix_size(kspace))
    return kspace * tf.cast(rows[:, None] * columns[None, :], kspace.dtype)


def directions(smooth: tf.Tensor) -> tf.Tensor:
    """The share and phase of each coil, from smooth images of the coils.

    Args:
        smooth: complex [..., C, H, W], as of `low_pass`.

    Returns:
        complex [..., C, H, W], unit vectors over the coils; with one coil, its phase alone. 0 where every
        coil is 0.
    """
    length = tf.sqrt(tf.reduce_sum(power_of(channels_of(smooth)), axis=-3, keepdims=True))
    return tf.math.divide_no_nan(smooth, tf.cast(length, smooth.dtype))


def in_phase(coils: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Combine coils, and keep the part in phase; what noise made negative is 0, as no tissue is.

    The noise of one channel keeps its standard deviation.

    Args:
        coils: complex [..., C, H, W], images.
        shares: complex [..., C, H, W], as of `directions`.

    Returns:
        float [..., H, W].
    """
    products = tf.math.real(coils) * tf.math.real(shares) + tf.math.imag(coils) * tf.math.imag(shares)
    return tf.maximum(tf.reduce_sum(products, axis=-3), 0.0)


def in_phase_image(coils: tf.Tensor) -> tf.Tensor:
    """The part of coil images in phase with their own low frequencies.

    Args:
        coils: complex [..., C, H, W], their origin at sample 0 or at the centre.

    Returns:
        float [..., H, W].
    """
    return in_phase(coils, directions(smooth_images(coils)))


def smooth_images(images: tf.Tensor, width: float = PHASE_WIDTH) -> tf.Tensor:
    """Images of what `low_pass` leaves, complex [..., H, W] as they came."""
    return kspace_to_image(low_pass(image_to_kspace(images), width))


def _gaussian(size: int | tf.Tensor, width: float) -> tf.Tensor:
    samples = tf.cast(tf.range(size) - size // 2, tf.float32) / tf.cast(size, tf.float32)
    return tf.exp(-tf.square(2.0 * samples / width))
