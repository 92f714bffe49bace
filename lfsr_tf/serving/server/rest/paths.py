"""What a REST path asks for, by TensorFlow Serving's patterns (http_rest_api_util.cc)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from tensorflow_serving.apis.model_pb2 import ModelSpec

from lfsr_tf.serving.layout import LARGEST_VERSION
from lfsr_tf.serving.server.refusal import invalid

_VERSION = r"(?:(?:/versions/(?P<version>[0-9]+))|(?:/labels/(?P<label>[^/:]+)))?"
_PATTERNS = {
    "POST": re.compile(
        rf"/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<verb>classify|regress|predict)", re.IGNORECASE
    ),
    "GET": re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?:/(?P<verb>metadata))?", re.IGNORECASE),
}
# Python refuses to convert thousands of digits.
_MOST_DIGITS = 4000


@dataclass(frozen=True)
class RestCall:
    """What is asked of which model.

    Attributes:
        verb: "predict", "classify", "regress", "metadata" or "status".
        spec: TensorFlow Serving's ModelSpec.
    """

    verb: str
    spec: Any


def parse_path(method: str, path: str) -> RestCall:
    """Find the model and what is asked of it.

    Args:
        method: Of HTTP.
        path: As it came, with its escapes.

    Raises:
        RefusalError: INVALID_ARGUMENT, the path is none of the API's.
    """
    pattern = _PATTERNS.get(method)
    found = pattern.fullmatch(path) if pattern else None
    if found is None:
        raise invalid(f"Malformed request: {method} {path}")
    if not found["name"]:
        raise invalid("Missing model name in request.")
    spec = ModelSpec(name=_unescaped(found["name"]))
    if found["version"]:
        spec.version.value = _number(found["version"])
    if found["label"]:
        spec.version_label = _unescaped(found["label"])
    return RestCall((found["verb"] or "status").lower(), spec)


def _number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS or int(digits) > LARGEST_VERSION:
        raise invalid(f"Failed to convert version: {digits} to numeric.")
    return int(digits)


def _unescaped(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", errors="replace")
