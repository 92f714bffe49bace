"""From a signature's outputs to the JSON of a REST answer, as TensorFlow Serving writes it.

Numbers are the shortest that give the same float32 again. Bytes are base64 where the output's name ends in
`_bytes`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from lfsr_tf.serving.server.refusal import invalid
from lfsr_tf.serving.server.rest.json_request import Format

_BYTES = "_bytes"


def answer(outputs: Mapping[str, NDArray[Any]], form: Format) -> bytes:
    """The body of an answer.

    Args:
        outputs: By their names, bytes as dtype object.
        form: "row": `predictions`, one entry an image; "column": `outputs`, the batch. Names are given where
            there are several outputs.

    Raises:
        RefusalError: Rows are asked of outputs with different numbers of them, or of a type JSON has no form
            for.
    """
    shown = {name: _shown(name, value) for name, value in sorted(outputs.items())}
    if form == "column":
        content = shown if len(shown) > 1 else next(iter(shown.values()))
        return _dumped({"outputs": content}, outputs)
    count = _rows(outputs)
    if len(shown) == 1:
        return _dumped({"predictions": next(iter(shown.values()))}, outputs)
    rows = [{name: value[row] for name, value in shown.items()} for row in range(count)]
    return _dumped({"predictions": rows}, outputs)


def refused(message: str) -> bytes:
    """The body of a refusal."""
    return orjson.dumps({"error": message})


def _rows(outputs: Mapping[str, NDArray[Any]]) -> int:
    count = -1
    for name, value in sorted(outputs.items()):
        if value.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if count not in (-1, len(value)):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(value)} expecting: {count}")
        count = len(value)
    return count


def _shown(name: str, value: NDArray[Any]) -> Any:
    if value.dtype == object:
        return _strings(value.tolist(), name.endswith(_BYTES))
    if value.dtype.kind not in "fiub" or value.dtype == np.float16:
        raise invalid(f"Failed to write JSON value for tensor type: {value.dtype.name}")
    return np.ascontiguousarray(value)


def _strings(values: Any, as_bytes: bool) -> Any:
    if isinstance(values, list):
        return [_strings(value, as_bytes) for value in values]
    if as_bytes:
        return {"b64": base64.b64encode(values).decode("ascii")}
    return values.decode("utf-8", errors="replace")


def _dumped(document: dict[str, Any], outputs: Mapping[str, NDArray[Any]]) -> bytes:
    if all(np.isfinite(value).all() for value in outputs.values() if value.dtype.kind == "f"):
        return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    # NaN and Infinity, as TensorFlow Serving writes them; orjson would write null.
    return json.dumps(document, default=np.ndarray.tolist, separators=(",", ":")).encode()
