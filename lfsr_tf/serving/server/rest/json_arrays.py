"""From the JSON of TensorFlow Serving's row and column formats to the arrays of a signature.

Bytes are `{"b64": "..."}`. The refusals are those of TensorFlow Serving (json_tensor.cc), word for word where
a client may look for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.refusal import Code, RefusalError, invalid, too_large
from lfsr_tf.serving.server.rest.json_leaves import VALUES_A_LOOK, Leaves, is_base64, plain_numbers
from lfsr_tf.serving.server.rest.json_request import JsonRequest, shown
from lfsr_tf.serving.server.tensors import TEXT_BYTES

# More than any signature has; NumPy ends at 64, and each costs a Python frame.
_MOST_LEVELS = 32


def arrays_of(
    request: JsonRequest, dtypes: Mapping[str, tf.DType], most_bytes: int, caller: Caller
) -> dict[str, NDArray[Any]]:
    """The inputs of a signature; none is made before it is known to fit.

    Args:
        request: As parsed.
        dtypes: Of the signature's inputs by name.
        most_bytes: Most bytes of all arrays together: two letters of JSON may be a number of four bytes, or a
            text of 24.
        caller: Who waits for them.

    Returns:
        Arrays by name, bytes as dtype object.

    Raises:
        RefusalError: Names, nesting, sizes or types do not fit, the arrays are too large, or the caller has
            left.
    """
    if not dtypes:
        # TensorFlow Serving refuses every request for a signature without inputs.
        raise invalid(f"Failed to get input map for signature: {request.signature_name or 'DEFAULT'}")
    made = _of_instances if request.format == "row" else _of_inputs
    return made(request.values, dtypes, _Maker(most_bytes, caller))


class _Maker:
    """Makes the arrays of one request."""

    def __init__(self, most_bytes: int, caller: Caller) -> None:
        self._most_bytes, self.caller, self._bytes = most_bytes, caller, 0

    def array(self, value: Any, dtype: tf.DType) -> NDArray[Any]:
        """Nested lists to an array; all of them must be of one size, and all values of the right type."""
        shape = _shape(value, dtype)
        self._take(math.prod(shape) * _bytes_each(dtype))
        found = plain_numbers(value, shape, dtype)
        if found is None:
            leaves = Leaves(dtype, self.caller)
            leaves.add(value, shape)
            found = self._counted(leaves)
        return found.reshape(shape)

    def stacked(self, elements: list[Any], dtype: tf.DType, key: str) -> NDArray[Any]:
        """One batch of the elements, which must have one shape."""
        with _named(0, key):
            first = _shape(elements[0], dtype)
        shape = [len(elements), *first]
        self._take(math.prod(shape) * _bytes_each(dtype))
        found = plain_numbers(elements, shape, dtype)
        if found is None:
            leaves = Leaves(dtype, self.caller)
            for place, element in enumerate(elements):
                with _named(place, key):
                    _check_same_shape(first, _shape(element, dtype))
                    leaves.add(element, first)
            found = self._counted(leaves)
        return found.reshape(shape)

    def _counted(self, leaves: Leaves) -> NDArray[Any]:
        found = leaves.array()
        if found.dtype == object:
            self._take(sum(map(len, found)))
        return found

    def _take(self, count: int) -> None:
        self._bytes += count
        if self._bytes > self._most_bytes:
            raise too_large(self._bytes, self._most_bytes)


def _of_instances(
    instances: list[Any], dtypes: Mapping[str, tf.DType], maker: _Maker
) -> dict[str, NDArray[Any]]:
    named = _names_inputs(instances[0])
    if not named and len(dtypes) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    _check_elements(instances, named, dtypes, maker.caller)
    if not named:
        ((name, dtype),) = dtypes.items()
        return {name: maker.stacked(instances, dtype, "")}
    return {
        name: maker.stacked([element[name] for element in instances], dtype, f" key: {name}")
        for name, dtype in dtypes.items()
    }


def _check_elements(
    instances: list[Any], named: bool, dtypes: Mapping[str, tf.DType], caller: Caller
) -> None:
    for place, element in enumerate(instances):
        if place % VALUES_A_LOOK == 0:
            caller.check()
        if _names_inputs(element) != named:
            expected, found = ("object", "list") if named else ("value/list", "object")
            raise invalid(f"Expecting {expected} but got {found} at item {place} of input list")
        if named and set(element) != set(dtypes):
            raise invalid(
                f"Failed to process element: {place} of 'instances' list. JSON object: {shown(element)} "
                f"keys must be equal to: {','.join(sorted(dtypes))}"
            )


def _of_inputs(inputs: Any, dtypes: Mapping[str, tf.DType], maker: _Maker) -> dict[str, NDArray[Any]]:
    if not _names_inputs(inputs):
        if len(dtypes) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        ((name, dtype),) = dtypes.items()
        return {name: maker.array(inputs, dtype)}
    for name in dtypes:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: maker.array(inputs[name], dtype) for name, dtype in dtypes.items()}


@contextmanager
def _named(place: int, key: str) -> Iterator[None]:
    """Say which element a refusal is about, in TensorFlow Serving's words."""
    try:
        yield
    except RefusalError as error:
        if error.code is Code.CANCELLED:
            raise
        raise invalid(
            f"Failed to process element: {place}{key} of 'instances' list. Error: INVALID_ARGUMENT: "
            f"{error.message}"
        ) from error


def _check_same_shape(first: list[int], other: list[int]) -> None:
    sizes = math.prod(first), math.prod(other)
    if sizes[0] != sizes[1]:
        raise invalid(f"Expecting tensor size: {sizes[0]} but got: {sizes[1]}")
    if first != other:
        shapes = [f"[{','.join(map(str, shape))}]" for shape in (first, other)]
        raise invalid(f"Expecting shape {shapes[0]} but got: {shapes[1]}")


def _shape(value: Any, dtype: tf.DType) -> list[int]:
    """Of nested lists, as the first of them say."""
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
    return shape


def _bytes_each(dtype: tf.DType) -> int:
    """Of a value in an array; of a text as TensorFlow holds it, without its letters."""
    return TEXT_BYTES if dtype == tf.string else int(dtype.size)


def _names_inputs(value: Any) -> bool:
    """Whether a value is an object of inputs, not one of bytes."""
    return isinstance(value, dict) and not is_base64(value)
