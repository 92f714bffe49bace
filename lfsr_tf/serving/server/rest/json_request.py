"""A REST request's JSON, as far as it can be read before it is known which model it is for.

Row: `{"instances": [...]}`, one entry an image, a list or an object with every input by its name; the
entries become one batch. Column: `{"inputs": ...}`, the batch itself, or an object with every input by its
name. The refusals are those of TensorFlow Serving (json_tensor.cc), word for word where a client may look
for them.
"""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from lfsr_tf.serving.server.refusal import invalid
from lfsr_tf.serving.server.rest.body import Body

Format = Literal["row", "column"]
# Of the process's garbage collection: whoever found it off would leave it off.
_COLLECTION = threading.Lock()


@dataclass(frozen=True)
class JsonRequest:
    """A request whose arrays are not made yet: which they are depends on the signature.

    Attributes:
        signature_name: "" where none was given.
        format: In which the answer is due, too.
        values: Of "instances" or "inputs".
    """

    signature_name: str
    format: Format
    values: Any


def parse_request(body: Body) -> JsonRequest:
    """Parse a body and find its format.

    Raises:
        RefusalError: It is not JSON, no object, or has not exactly one of "instances" and "inputs".
    """
    document = parse_document(body)
    name = signature_of(document)
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {shown(document)} Not formatted correctly expecting only one of 'inputs' or "
            "'instances' keys to exist "
        )
    if "instances" in document:
        _check_instances(document)
        return JsonRequest(name, "row", document["instances"])
    if "inputs" in document:
        return JsonRequest(name, "column", document["inputs"])
    raise invalid("Missing 'inputs' or 'instances' key")


def parse_document(body: Body) -> dict[str, Any]:
    """Parse a body that must be a JSON object.

    Raises:
        RefusalError: It is something else.
    """
    document = _parsed(body)
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {shown(document)} Is not object")
    return document


def signature_of(document: dict[str, Any]) -> str:
    """The name of the signature, "" where none is given.

    Raises:
        RefusalError: It is no text.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {shown(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def _parsed(body: Body) -> Any:
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        with _uncollected():
            return orjson.loads(body)
    except orjson.JSONDecodeError:
        # NaN and Infinity are taken here as TensorFlow Serving takes them; the model refuses them.
        pass
    try:
        with _uncollected():
            document = json.loads(body)
        # Half of a surrogate pair is no text: it could be neither looked up nor written into a refusal.
        orjson.dumps(document)
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from error
    return document


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which looks at millions of new lists again and again, and stops all."""
    # One at a time, as Python reads JSON in any case.
    with _COLLECTION:
        enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if enabled:
                gc.enable()


def _check_instances(document: dict[str, Any]) -> None:
    if not isinstance(document["instances"], list):
        raise invalid(f"JSON Value: {shown(document)} Excepting 'instances' to be an list/array")
    if not document["instances"]:
        raise invalid(f"JSON Value: {shown(document)} No values in 'instances' array")


def shown(value: Any, most: int = 200) -> str:
    """A value as JSON, cut: a refusal need not send an image back, nor write it all to cut it."""
    parts, length = [], 0
    for part in json.JSONEncoder().iterencode(value):
        parts.append(part)
        length += len(part)
        if length > most:
            return f"{''.join(parts)[:most]}..."
    return "".join(parts)
