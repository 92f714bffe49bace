"""TensorFlow Serving's messages, which gRPC carries, and REST where it is asked to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.refusal import RefusalError, invalid
from lfsr_tf.serving.server.service import ModelService
from lfsr_tf.serving.server.tensors import arrays_of, check_inputs, put_array
from lfsr_tf.serving.signatures.signature import DEFAULT_SIGNATURE

# A message may need fifty times its bytes until its fields are counted: one at a time.
_READING = threading.Lock()
SMALL = 1 << 16
"""Bytes of a message of which it does not matter what it repeats: of what is repeated, only the last is seen,
but all stays in memory."""


def read_message(read: Callable[[Any], Any], wire: bytes | bytearray, kind: str) -> Any:
    """Read a message that a client sent, and refuse a PredictRequest whose tensors are not what they seem.

    Args:
        read: From bytes to a message.
        wire: The bytes.
        kind: Of the message, for the refusal.

    Raises:
        RefusalError: INVALID_ARGUMENT.
    """
    with _READING:
        found = _read(read, wire, kind)
    if isinstance(found, RefusalError):
        raise found
    return found


def _read(read: Callable[[Any], Any], wire: bytes | bytearray, kind: str) -> Any:
    """The message, or its refusal, without the traceback that would keep the message in memory."""
    try:
        message = read(wire)
        if isinstance(message, PredictRequest):
            check_inputs(message.inputs)
        if len(wire) > SMALL and 2 * message.ByteSize() < len(wire):
            return invalid(f"Expected a {kind} without repetitions. Received: {len(wire)} bytes with many.")
        return message
    except DecodeError:
        return invalid(f"Expected a {kind}. Received: something else.")
    except RefusalError as refusal:
        return refusal.with_traceback(None)


def predict_message(
    service: ModelService,
    request: PredictRequest,
    most_bytes: int,
    *,
    timeout: float | None,
    caller: Caller,
) -> PredictResponse:
    """Answer a PredictRequest.

    Args:
        service: With the models.
        request: As a client sent it.
        most_bytes: Most bytes of its tensors together.
        timeout: Longest to wait for a turn, in seconds; None for as long as it takes.
        caller: Who waits for the answer.

    Raises:
        RefusalError: Whatever keeps the request from being answered.
    """
    signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
    with service.turn(request.model_spec, timeout, caller) as (version, servable):
        # Before the arrays are made, which may take a thousand times the bytes of the message.
        servable.check_names(signature, request.inputs)
        arrays = arrays_of(request.inputs, most_bytes)
        outputs = servable.predict(signature, arrays, list(request.output_filter), caller)
    response = PredictResponse()
    response.model_spec.name, response.model_spec.signature_name = request.model_spec.name, signature
    response.model_spec.version.value = version
    for key, array in outputs.items():
        put_array(response.outputs[key], array)
    return response
