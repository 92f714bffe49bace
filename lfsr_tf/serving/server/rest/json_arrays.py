"""From the JSON of TensorFlow Serving's row and column formats to the arrays of a signature.

Bytes are `{"b64": "..."}`. The refusals are those of TensorFlow Serving (json_tensor.cc), word for word where
a client may look for them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.serving.server.dtypes import cpp_name
from lfsr_tf.serving.server.refusal import Code, RefusalError, invalid
from lfsr_tf.serving.server.rest.json_request import JsonRequest, shown

# Binary digits of a float by its bytes: larger integers have gaps between them.
_DIGITS = {4: 24, 8: 53}
# More than any signature has; NumPy ends at 64, and each costs a Python frame.
_MOST_LEVELS = 32


def arrays_of(request: JsonRequest, dtypes: Mapping[str, tf.DType]) -> dict[str, NDArray[Any]]:
    """The inputs of a signature.

    Args:
        request: As parsed.
        dtypes: Of the signature's inputs by name.

    Returns:
        Arrays by name, bytes as dtype object.

    Raises:
        RefusalError: Names, nesting, sizes or types do not fit.
    """
    if not dtypes:
        # TensorFlow Serving refuses every request for a signature without inputs.
        raise invalid(f"Failed to get input map for signature: {request.signature_name or 'DEFAULT'}")
    made = _of_instances if request.format == "row" else _of_inputs
    return made(request.values, dtypes)


def _of_instances(instances: list[Any], dtypes: Mapping[str, tf.DType]) -> dict[str, NDArray[Any]]:
    named = _names_inputs(instances[0])
    if not named and len(dtypes) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    for place, element in enumerate(instances):
        if _names_inputs(element) != named:
            expected, found = ("object", "list") if named else ("value/list", "object")
            raise invalid(f"Expecting {expected} but got {found} at item {place} of input list")
        if named and set(element) != set(dtypes):
            raise invalid(
                f"Failed to process element: {place} of 'instances' list. JSON object: {shown(element)} "
                f"keys must be equal to: {','.join(sorted(dtypes))}"
            )
    if not named:
        ((name, dtype),) = dtypes.items()
        return {name: _stacked(instances, dtype, "")}
    return {
        name: _stacked([element[name] for element in instances], dtype, f" key: {name}")
        for name, dtype in dtypes.items()
    }


def _of_inputs(inputs: Any, dtypes: Mapping[str, tf.DType]) -> dict[str, NDArray[Any]]:
    if not _names_inputs(inputs):
        if len(dtypes) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        ((name, dtype),) = dtypes.items()
        return {name: _array(inputs, dtype)}
    for name in dtypes:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _array(inputs[name], dtype) for name, dtype in dtypes.items()}


def _stacked(elements: list[Any], dtype: tf.DType, key: str) -> NDArray[Any]:
    """One batch of the elements, which must have one shape."""
    arrays = []
    for place, element in enumerate(elements):
        try:
            arrays.append(_array(element, dtype))
            _check_same_shape(arrays[0], arrays[-1])
        except RefusalError as error:
            raise invalid(
                f"Failed to process element: {place}{key} of 'instances' list. Error: INVALID_ARGUMENT: "
                f"{error.message}"
            ) from error
    return np.stack(arrays)


def _check_same_shape(first: NDArray[Any], other: NDArray[Any]) -> None:
    if first.size != other.size:
        raise invalid(f"Expecting tensor size: {first.size} but got: {other.size}")
    if first.shape != other.shape:
        shapes = [f"[{','.join(map(str, array.shape))}]" for array in (first, other)]
        raise invalid(f"Expecting shape {shapes[0]} but got: {shapes[1]}")


def _array(value: Any, dtype: tf.DType) -> NDArray[Any]:
    """Nested lists to an array; all of them must be of one size, and all values of the right type."""
    if dtype.is_complex or dtype in (tf.float16, tf.bfloat16):
        raise RefusalError(
            Code.UNIMPLEMENTED, f"Conversion of JSON Value: {shown(value)} to type: {dtype.name}"
        )
    shape: list[int] = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
        if len(shape) > _MOST_LEVELS:
            raise invalid(f"Expected lists in at most {_MOST_LEVELS} levels. Received: more.")
    leaves = _plain_numbers(value, shape, dtype)
    if leaves is None:
        leaves = []
        _collect(value, shape, 0, dtype, leaves)
    return _filled(leaves, dtype).reshape(shape)


def _plain_numbers(value: Any, shape: list[int], dtype: tf.DType) -> list[Any] | None:
    """All numbers of even lists, found without a look at each; None where there is something else."""
    if not dtype.is_floating or not shape:
        return None
    found = [value]
    for size in shape:
        if set(map(type, found)) != {list} or set(map(len, found)) != {size}:
            return None
        found = list(chain.from_iterable(found))
    if not set(map(type, found)) <= {float, int}:
        return None
    # Larger integers may have no float of their own.
    return found if max(map(abs, found), default=0) < 2 ** _DIGITS[dtype.size] else None


def _filled(leaves: list[Any], dtype: tf.DType) -> NDArray[Any]:
    if not dtype.is_floating:
        array = np.empty(len(leaves), dtype.as_numpy_dtype)
        try:
            array[:] = leaves
        except OverflowError as error:
            raise invalid(f"JSON Value out of the range of {dtype.name}: {error}") from error
        return array
    exact = np.array(leaves, np.float64)
    largest = np.finfo(dtype.as_numpy_dtype).max
    if (lossy := np.isfinite(exact) & (np.abs(exact) > largest)).any():
        raise _lossy(leaves[int(np.argmax(lossy))], dtype)
    return exact.astype(dtype.as_numpy_dtype)


def _collect(value: Any, shape: list[int], level: int, dtype: tf.DType, leaves: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        leaves.append(_leaf(value, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: "
            f"{shape[level]}"
        )
    for each in value:
        _collect(each, shape, level + 1, dtype, leaves)


def _leaf(value: Any, dtype: tf.DType) -> Any:
    if dtype == tf.string and isinstance(value, str | dict):
        return _text(value)
    fits = {
        "floating": dtype.is_floating and isinstance(value, int | float) and not isinstance(value, bool),
        "integer": dtype.is_integer and isinstance(value, int) and not isinstance(value, bool),
        "bool": dtype.is_bool and isinstance(value, bool),
    }
    if not any(fits.values()):
        raise invalid(
            f"JSON Value: {shown(value)} Type: {_type_of(value)} is not of expected type: {cpp_name(dtype)}"
        )
    if fits["floating"] and isinstance(value, int) and abs(value) >= 2 ** _DIGITS[dtype.size]:
        raise _lossy(value, dtype)
    return value


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not _is_base64(value):
        raise invalid(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    try:
        # Line breaks may be in it and padding may be missing, as TensorFlow Serving has it.
        encoded = "".join(value["b64"].split())
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error


def _names_inputs(value: Any) -> bool:
    """Whether a value is an object of inputs, not one of bytes."""
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def _lossy(value: Any, dtype: tf.DType) -> RefusalError:
    return invalid(
        f"Cannot convert JSON value: {shown(value)} to {cpp_name(dtype)} without loss of precision."
    )


def _type_of(value: Any) -> str:
    names = {type(None): "Null", dict: "Object", list: "Array", str: "String"}
    if isinstance(value, bool):
        return str(value)
    return names.get(type(value), "Number")
