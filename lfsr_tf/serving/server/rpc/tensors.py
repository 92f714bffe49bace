"""Tensors of gRPC requests to arrays and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.serving.server.refusal import invalid, too_large

# Of an empty text in TensorFlow's memory.
_TEXT_BYTES = 24


def array_of(name: str, proto: Any, most_bytes: int) -> NDArray[Any]:
    """The array of a TensorProto, bytes as dtype object.

    Args:
        name: Of the input, for messages.
        proto: As a client sent it.
        most_bytes: Most bytes of the array: one value in a message may stand for a whole array.

    Raises:
        RefusalError: INVALID_ARGUMENT, the message contradicts itself; RESOURCE_EXHAUSTED, too large.
    """
    shape = [dimension.size for dimension in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise invalid(f"Expected a full shape of {name}. Received: {shape}.")
    try:
        dtype = tf.dtypes.as_dtype(proto.dtype)
        size = _TEXT_BYTES if dtype == tf.string else dtype.as_numpy_dtype().itemsize
    except (TypeError, KeyError, AttributeError) as error:
        raise invalid(f"Expected a tensor type that is known of {name}. Received: {proto.dtype}.") from error
    if math.prod(shape) * size > most_bytes:
        raise too_large(math.prod(shape) * size, most_bytes)
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise invalid(f"Expected values of {name} that fill its shape {shape}. Received: others.") from error


def put_array(proto: Any, array: NDArray[Any]) -> None:
    """Write an array, bytes as dtype object, into an empty TensorProto."""
    if array.dtype == object:
        proto.CopyFrom(tf.make_tensor_proto(array))
        return
    # Without the copies of make_tensor_proto, which costs milliseconds for an image.
    proto.dtype = tf.dtypes.as_dtype(array.dtype).as_datatype_enum
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    proto.tensor_content = np.ascontiguousarray(array).tobytes()
