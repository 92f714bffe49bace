"""What a real low-field scanner does beyond the crop and the noise. All of it is off by default.

Every function is batched, runs in a `tf.function` and draws from stateless seeds [B, 2], one an image. The
object gets its phase and coil shading in image space; T2 decay, elliptical coverage and apodisation are
weights on k-space [h, w], the same for every image. `gaussian_weights` and `echo_weights` are none of a
scanner's settings: they blur each image in a way of its own, for training images that are as uneven as real
ones. Axis -1 (W) is the phase encoding, as in fastMRI files.
"""

from __future__ import annotations

import math

import tensorflow as tf

from lfsr_tf.errors import ConfigError
from lfsr_tf.physics.fourier import Shape2D, matrix_size
from lfsr_tf.physics.randomness import PACKET, uniform
from lfsr_tf.physics.settings import APODISATION_WINDOWS, ECHO_ORDERS

Matrix = tuple[int | tf.Tensor, int | tf.Tensor]

_PHASE_STREAM, _PHASE_FIELD_STREAM, _BIAS_STREAM = 1, 2, 4
# Largest coefficients in radians of the products of 1, x, y, x^2, y^2 with x, y in [-1, 1]. At 0.055 T the
# phase runs through up to 16 rad per field of view along the readout and bends by a few rad.
_PHASE_POLYNOMIAL = ((math.pi, 8.0, 3.0), (8.0, 3.0, 0.0), (3.0, 0.0, 0.0))
_FIELD_MODES = 4


def random_phase(seeds: tf.Tensor, shape: Matrix) -> tf.Tensor:
    """A smooth phase map: a random second-order polynomial plus a low-frequency field.

    Args:
        seeds: int32 [B, 2], one key an image.
        shape: (H, W).

    Returns:
        float32 [B, H, W] in radians, not wrapped; it covers the full circle.
    """
    limits = tf.constant(_PHASE_POLYNOMIAL)
    draws = 2.0 * uniform(seeds, limits.shape.num_elements(), _PHASE_STREAM) - 1.0
    coefficients = tf.reshape(draws, [-1, *limits.shape]) * limits
    rows, columns = (_powers(_axis(shape[axis])) for axis in (0, 1))
    polynomial = _separable_terms(coefficients, rows, columns)
    return tf.add_n(polynomial + _cosine_terms(seeds, shape, _PHASE_FIELD_STREAM))


def apply_random_phase(image: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    """Give each magnitude image its own smooth random phase.

    Args:
        image: float32 [B, H, W].
        seeds: int32 [B, 2], one key an image.

    Returns:
        complex64 [B, H, W] of the same magnitude.
    """
    height, width = matrix_size(image)
    phase = random_phase(seeds, (height, width))
    # Whole SIMD packets in every row: the scalar code for an incomplete packet at the end of a batch rounds
    # cosines differently, and then the bytes of an image would depend on its place in the batch.
    padded = tf.pad(phase, [[0, 0], [0, 0], [0, -width % PACKET]])
    return tf.complex(image * tf.cos(padded)[..., :width], image * tf.sin(padded)[..., :width])


def bias_field(seeds: tf.Tensor, shape: Matrix, strength: float) -> tf.Tensor:
    """A smooth multiplicative shading, as of a receive coil.

    Args:
        seeds: int32 [B, 2], one key an image.
        shape: (H, W).
        strength: Largest relative deviation, 0 (all ones) to below 1 (stays positive).

    Returns:
        float32 [B, H, W] in [1 - strength, 1 + strength]; one of the two bounds is reached in each image.
    """
    field = tf.add_n(_cosine_terms(seeds, shape, _BIAS_STREAM))
    largest = tf.reduce_max(tf.abs(field), axis=(-2, -1), keepdims=True)
    return 1.0 + strength * tf.math.divide_no_nan(field, largest)


def elliptical_mask(shape: Shape2D) -> tf.Tensor:
    """1 inside the ellipse that touches the four sides of k-space, 0 outside; float32 [h, w]."""
    rows, columns = (_kspace_axis(size) for size in shape)
    return tf.cast(rows[:, None] ** 2 + columns[None, :] ** 2 <= 1.0, tf.float32)


def apodisation_window(shape: Shape2D, strength: float, window: str) -> tf.Tensor:
    """A filter that damps the rim of k-space and leaves its centre alone.

    Args:
        shape: (h, w).
        strength: 0 gives ones; 1 the full window.
        window: "tukey" (cosine taper over the outer fraction `strength`), "hamming" (raised cosine down to
            1 - 0.92 strength at the rim; both separable) or "fermi" (radial, half height at 1 - 0.5 strength
            of the radius).

    Returns:
        float32 [h, w] in [0, 1], 1 at the centre.

    Raises:
        ConfigError: The name is unknown.
    """
    if window not in APODISATION_WINDOWS:
        raise ConfigError(f"Expected an apodisation window of {APODISATION_WINDOWS}. Received: {window!r}.")
    if strength == 0.0:
        return tf.ones(shape)
    rows, columns = (tf.abs(_kspace_axis(size)) for size in shape)
    if window == "fermi":
        radius = tf.sqrt(rows[:, None] ** 2 + columns[None, :] ** 2)
        return tf.sigmoid((1.0 - 0.5 * strength - radius) / 0.05) / tf.sigmoid((1.0 - 0.5 * strength) / 0.05)
    profile = _tukey if window == "tukey" else _hamming
    return profile(rows, strength)[:, None] * profile(columns, strength)[None, :]


def gaussian_weights(strengths: tf.Tensor, shape: Matrix) -> tf.Tensor:
    """A Gaussian blur of each image as weights on its k-space, exp(-a_y ky^2 - a_x kx^2).

    Args:
        strengths: float32 [B, 2], a_y and a_x: the exponents at the rim of k-space, where |k| = 1; 0 blurs
            nothing.
        shape: (H, W).

    Returns:
        float32 [B, H, W] in (0, 1], 1 at the centre.
    """
    rows, columns = (tf.square(_kspace_axis(size)) for size in shape)
    return tf.exp(-strengths[:, 0, None, None] * rows[:, None] - strengths[:, 1, None, None] * columns)


def echo_weights(levels: tf.Tensor, size: int) -> tf.Tensor:
    """Weights of phase-encoding steps that come from different echoes, the same on both sides of the centre.

    Between places at equal distances, from the centre of k-space to its rim, the logarithm is linear.

    Args:
        levels: float32 [B, K], logarithms of the weights at |k| = 1/K, 2/K... 1; at the centre it is 0.
        size: Phase-encoding steps.

    Returns:
        float32 [B, size], 1 at the centre.
    """
    places = levels.shape[1]
    distance = places * tf.abs(_kspace_axis(size))
    hats = [tf.nn.relu(1.0 - tf.abs(distance - (place + 1.0))) for place in range(places)]
    return tf.exp(tf.add_n([levels[:, place, None] * hat for place, hat in enumerate(hats)]))


def t2_weights(columns: int, train_length: float, order: str) -> tf.Tensor:
    """Signal decay over an echo train that runs through the phase-encoding steps, exp(-t(ky) / T2).

    Args:
        columns: Phase-encoding steps w.
        train_length: Duration of the train in units of T2; 0 gives ones.
        order: "linear" (from one side of k-space to the other: a blur with a phase) or "centric" (from the
            centre outwards: a plain blur).

    Returns:
        float32 [w], 1 at the centre of k-space: the contrast there is the one that the image already has.

    Raises:
        ConfigError: The order is unknown.
    """
    if order not in ECHO_ORDERS:
        raise ConfigError(f"Expected an echo order of {ECHO_ORDERS}. Received: {order!r}.")
    position = _kspace_axis(columns)
    time = 0.5 * position if order == "linear" else tf.abs(position)
    return tf.exp(-train_length * time)


def _tukey(position: tf.Tensor, strength: float) -> tf.Tensor:
    taper = tf.clip_by_value((position - (1.0 - strength)) / strength, 0.0, 1.0)
    return 0.5 + 0.5 * tf.cos(math.pi * taper)


def _hamming(position: tf.Tensor, strength: float) -> tf.Tensor:
    return 1.0 - 0.46 * strength * (1.0 - tf.cos(math.pi * position))


def _cosine_terms(seeds: tf.Tensor, shape: Matrix, stream: int) -> list[tf.Tensor]:
    """Tensors [B, H, W] that add up to a random sum, of order 1, of the lowest cosine modes but the constant.

    The weight of mode (p, q) falls as 1 / (p^2 + q^2): smooth over a quarter of the field of view.
    """
    modes = tf.range(_FIELD_MODES, dtype=tf.float32)
    weights = tf.math.divide_no_nan(1.0, modes[:, None] ** 2 + modes[None, :] ** 2)
    draws = 2.0 * uniform(seeds, _FIELD_MODES**2, stream) - 1.0
    coefficients = tf.reshape(draws, [-1, _FIELD_MODES, _FIELD_MODES]) * weights
    rows, columns = (tf.cos(math.pi / 2.0 * (_axis(shape[axis]) + 1.0) * modes[:, None]) for axis in (0, 1))
    return _separable_terms(coefficients, rows, columns)


def _separable_terms(coefficients: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> list[tf.Tensor]:
    """Tensors [B, H, W] that add up to coefficients [B, P, Q] x rows [P, H] x columns [Q, W].

    To be added by one `add_n`: the rounding of a matrix product, or of a chain of additions that the graph
    optimiser may reorder, depends on the size of the batch.
    """
    orders = range(coefficients.shape[-1])
    lines = [tf.add_n([coefficients[:, p, q, None] * columns[q] for q in orders]) for p in orders]
    return [rows[p][:, None] * line[:, None, :] for p, line in enumerate(lines)]


def _powers(axis: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.ones_like(axis), axis, axis**2])


def _axis(size: int | tf.Tensor) -> tf.Tensor:
    """Positions of the samples across the field of view, -1 to below 1, float32 [size]."""
    return 2.0 * tf.range(tf.cast(size, tf.float32)) / tf.cast(size, tf.float32) - 1.0


def _kspace_axis(size: int) -> tf.Tensor:
    """Signed distance from the k-space centre, -1 to 1 at the outermost sample, float32 [size]."""
    return (tf.range(size, dtype=tf.float32) - size // 2) / max(size // 2, 1)
