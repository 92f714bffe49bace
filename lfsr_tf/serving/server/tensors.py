"""Tensors of gRPC requests to arrays and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework.tensor_pb2 import TensorProto

from lfsr_tf.serving.server.refusal import invalid, too_large

# Of an empty text in TensorFlow's memory.
TEXT_BYTES = 24
# More than any signature has.
_MOST_INPUTS = 1000
# TensorFlow's own limit (tensor_shape.cc).
_MOST_AXES = 254
# Of a TensorProto; in the two last, a value is a message, and no signature takes any.
_VALUES = tuple(name for name in TensorProto.DESCRIPTOR.fields_by_name if name.endswith("_val"))
_MESSAGES = ("resource_handle_val", "variant_val")


def check_inputs(protos: Mapping[str, Any]) -> None:
    """Refuse TensorProtos with more values than their shapes: two bytes of a message may be fifty in memory.

    Args:
        protos: By the names of the inputs, as a client sent them.

    Raises:
        RefusalError: INVALID_ARGUMENT.
    """
    if len(protos) > _MOST_INPUTS:
        raise invalid(f"Expected at most {_MOST_INPUTS} inputs. Received: {len(protos)}.")
    for name, proto in protos.items():
        count = _count(name, proto)
        for field in _VALUES:
            # Of a complex number, the two parts.
            most = 0 if field in _MESSAGES else 2 * count if "complex" in field else count
            if (found := len(getattr(proto, field))) > most:
                raise invalid(f"Expected at most {most} values of {name} in {field}. Received: {found}.")


def arrays_of(protos: Mapping[str, Any], most_bytes: int) -> dict[str, NDArray[Any]]:
    """The arrays of TensorProtos, bytes as dtype object; none is made before all are known to fit.

    Args:
        protos: By the names of the inputs, as a client sent them.
        most_bytes: Most bytes of all arrays together: one value in a message may stand for a whole array.

    Raises:
        RefusalError: INVALID_ARGUMENT, a message contradicts itself; RESOURCE_EXHAUSTED, too large.
    """
    needed = sum(_unpacked_bytes(name, proto) for name, proto in protos.items())
    if needed > most_bytes:
        raise too_large(needed, most_bytes)
    return {name: _array(name, proto) for name, proto in protos.items()}


def _unpacked_bytes(name: str, proto: Any) -> int:
    count = _count(name, proto)
    try:
        dtype = tf.dtypes.as_dtype(proto.dtype)
        if dtype == tf.string:
            return count * TEXT_BYTES + _letters(proto.string_val, count)
        return count * int(dtype.as_numpy_dtype().itemsize)
    except (TypeError, KeyError, AttributeError) as error:
        raise invalid(f"Expected a tensor type that is known of {name}. Received: {proto.dtype}.") from error


def _count(name: str, proto: Any) -> int:
    """Values that the shape has."""
    if (axes := len(proto.tensor_shape.dim)) > _MOST_AXES:
        raise invalid(f"Expected at most {_MOST_AXES} axes of {name}. Received: {axes}.")
    shape = _shape(proto)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise invalid(f"Expected a full shape of {name}. Received: {shape}.")
    return math.prod(shape)


def _letters(texts: Sequence[bytes], count: int) -> int:
    """Bytes of texts of which the last stands for those that are missing."""
    missing = max(0, count - len(texts))
    return sum(map(len, texts)) + missing * (len(texts[-1]) if texts else 0)


def _array(name: str, proto: Any) -> NDArray[Any]:
    try:
        return tf.make_ndarray(proto)
    except OverflowError as error:
        kind = tf.dtypes.as_dtype(proto.dtype).name
        raise invalid(f"Expected values of {name} in the range of {kind}. Received: others.") from error
    except (TypeError, ValueError) as error:
        shape = _shape(proto)
        raise invalid(f"Expected values of {name} that fill its shape {shape}. Received: others.") from error


def _shape(proto: Any) -> list[int]:
    return [dimension.size for dimension in proto.tensor_shape.dim]


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
