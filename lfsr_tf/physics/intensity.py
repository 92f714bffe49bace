"""The one intensity reference: every image is divided by it before the network and multiplied by it after.

It is the 99.9th percentile of the magnitude of a whole volume: bright vessels and spikes do not move it, and
it needs no mask. Training, inference, export and evaluation all call this function.
"""

from __future__ import annotations

import math

import tensorflow as tf

REFERENCE_PERCENTILE = 99.9


def reference_intensity(images: tf.Tensor, *, per_image: bool = False) -> tf.Tensor:
    """The 99.9th percentile of the values, by linear interpolation as `numpy.percentile` has it.

    Args:
        images: Magnitudes of any real dtype: one volume of any shape, or a batch [N, ...] with `per_image`.
        per_image: Give one reference for each image of the batch.

    Returns:
        float32, shape [] or [N]. The caller decides what a reference of 0 (an empty image) means.
    """
    values = tf.cast(images, tf.float32)
    values = tf.reshape(values, [tf.shape(values)[0] if per_image else 1, -1])
    count = tf.shape(values)[1]
    position = tf.cast(count - 1, tf.float64) * (1.0 - REFERENCE_PERCENTILE / 100.0)
    below_top = tf.cast(tf.floor(position), tf.int32)
    # Only the largest thousandth is sorted: a volume of 20 million voxels takes milliseconds.
    largest = tf.math.top_k(values, k=tf.minimum(below_top + 2, count)).values
    fraction = tf.cast(position - tf.floor(position), tf.float32)
    upper, lower = largest[:, below_top], largest[:, tf.minimum(below_top + 1, count - 1)]
    result = upper + (lower - upper) * fraction
    return result if per_image else result[0]


def safe_reference(reference: tf.Tensor) -> tf.Tensor:
    """Replace a reference that is not positive by 1, so that an empty image passes through as zeros."""
    return tf.where(reference > math.ulp(0.0), reference, tf.ones_like(reference))
