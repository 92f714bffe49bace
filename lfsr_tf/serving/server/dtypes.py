"""Names of types as TensorFlow's C++ side writes them into its messages."""

from __future__ import annotations

import tensorflow as tf


def cpp_name(dtype: tf.DType) -> str:
    """What DataTypeString gives: "float" and "double" for the two floats, Python's name for most others."""
    return {tf.float32: "float", tf.float64: "double", tf.float16: "half"}.get(dtype, dtype.name)
