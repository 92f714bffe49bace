"""The values in the nested lists of a JSON request, looked at one by one, for as long as somebody waits.

The refusals are those of TensorFlow Serving (json_tensor.cc), word for word where a client may look for them.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from itertools import chain
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.dtypes import cpp_name
from lfsr_tf.serving.server.refusal import invalid
from lfsr_tf.serving.server.rest.json_request import shown

# Binary digits of a float by its bytes: larger integers have gaps between them.
_DIGITS = {4: 24, 8: 53}
# Milliseconds of work: who has gone holds a place no longer.
VALUES_A_LOOK = 4096


class Leaves:
    """Collects the values of an array in their order."""

    def __init__(self, dtype: tf.DType, caller: Caller) -> None:
        """Begin with none.

        Args:
            dtype: That the values must have.
            caller: Who waits for them.
        """
        self._dtype, self._caller = dtype, caller
        self._found: list[Any] = []
        self._convert = _converter(dtype)

    def add(self, value: Any, shape: list[int], level: int = 0) -> None:
        """Add the values of nested lists.

        Args:
            value: The lists, or what stands in one of them.
            shape: That the lists must have.
            level: Of `value` in them.

        Raises:
            RefusalError: The lists have another shape, a value has another type, or the caller has left.
        """
        if not isinstance(value, list):
            self._add_leaf(value, shape, level)
            return
        if level >= len(shape):
            raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
        if len(value) != shape[level]:
            raise invalid(
                f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: "
                f"{shape[level]}"
            )
        self._caller.check()
        for each in value:
            self.add(each, shape, level + 1)

    def array(self) -> NDArray[Any]:
        """What was added, in one dimension; bytes as dtype object."""
        array = np.empty(len(self._found), self._dtype.as_numpy_dtype)
        array[:] = self._found
        return array

    def _add_leaf(self, value: Any, shape: list[int], level: int) -> None:
        if level != len(shape):
            raise invalid(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        if len(self._found) % VALUES_A_LOOK == 0:
            self._caller.check()
        self._found.append(self._convert(value))


def plain_numbers(value: Any, shape: list[int], dtype: tf.DType) -> NDArray[Any] | None:
    """All numbers of even lists, found without a look at each.

    Args:
        value: The lists.
        shape: That the lists must have.
        dtype: That the numbers must have.

    Returns:
        The array, in one dimension; None where there is something else, or a number that may not fit.
    """
    if not dtype.is_floating:
        return None
    found = [value]
    for size in shape:
        if set(map(type, found)) != {list} or set(map(len, found)) != {size}:
            return None
        found = list(chain.from_iterable(found))
    if not set(map(type, found)) <= {float, int}:
        return None
    # Larger integers may have no float of their own.
    fits = max(map(abs, found), default=0) < 2 ** _DIGITS[dtype.size]
    return np.array(found, dtype.as_numpy_dtype) if fits else None


def is_base64(value: Any) -> bool:
    """Whether a value is bytes: `{"b64": "..."}`."""
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def _converter(dtype: tf.DType) -> Callable[[Any], Any]:
    """From a value of JSON to one of the array; it raises a RefusalError where the value does not fit."""
    if dtype == tf.string:
        return _text
    if dtype.is_floating:
        largest = float(np.finfo(dtype.as_numpy_dtype).max)
        return lambda value: _float(value, dtype, 2 ** _DIGITS[dtype.size], largest)
    if dtype.is_integer:
        return lambda value: _integer(value, dtype, dtype.min, dtype.max)
    return lambda value: value if dtype.is_bool and isinstance(value, bool) else _other(value, dtype)


def _float(value: Any, dtype: tf.DType, gaps: int, largest: float) -> Any:
    if not isinstance(value, int | float) or isinstance(value, bool):
        _other(value, dtype)
    if (isinstance(value, int) and abs(value) >= gaps) or largest < abs(value) < math.inf:
        raise invalid(
            f"Cannot convert JSON value: {shown(value)} to {cpp_name(dtype)} without loss of precision."
        )
    return value


def _integer(value: Any, dtype: tf.DType, least: int, most: int) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        _other(value, dtype)
    if not least <= value <= most:
        raise invalid(f"JSON Value: {shown(value)} out of the range of {dtype.name}: {least} to {most}")
    return value


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, dict):
        _other(value, tf.string)
    if not is_base64(value):
        raise invalid(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    try:
        # Line breaks may be in it and padding may be missing, as TensorFlow Serving has it.
        encoded = "".join(value["b64"].split())
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error


def _other(value: Any, dtype: tf.DType) -> NoReturn:
    names = {type(None): "Null", dict: "Object", list: "Array", str: "String"}
    kind = str(value) if isinstance(value, bool) else names.get(type(value), "Number")
    raise invalid(f"JSON Value: {shown(value)} Type: {kind} is not of expected type: {cpp_name(dtype)}")
