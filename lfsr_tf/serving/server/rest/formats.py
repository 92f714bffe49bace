"""Forms in which REST takes images and gives them back, chosen by the request's Content-Type.

JSON is TensorFlow Serving's own. The other two are this server's: the messages of the gRPC API, which need a
tenth of JSON's time, and a bare picture, for `curl --data-binary`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.refusal import Code, RefusalError, invalid, too_large
from lfsr_tf.serving.server.rest import json_response
from lfsr_tf.serving.server.rest.json_arrays import arrays_of
from lfsr_tf.serving.server.rest.json_request import Format, parse_request
from lfsr_tf.serving.server.rpc.prediction import predict_message
from lfsr_tf.serving.server.rpc.tensors import TEXT_BYTES
from lfsr_tf.serving.server.service import Arrays, ModelService, dtypes_of

JSON, MESSAGE, PICTURE = "application/json", "application/x-protobuf", "image/png"


@dataclass(frozen=True)
class Call:
    """One request for a prediction.

    Attributes:
        spec: The ModelSpec of the path.
        body: As it came.
        timeout: Longest to wait for a turn, in seconds.
        most_bytes: Most bytes of its tensors together.
        alive: Whether the client still waits.
    """

    spec: Any
    body: bytes
    timeout: float
    most_bytes: int
    alive: Callable[[], bool]

    def check_alive(self) -> None:
        """Spare the model what nobody waits for.

        Raises:
            RefusalError: CANCELLED.
        """
        if not self.alive():
            raise RefusalError(Code.CANCELLED, "The client has gone.")


def answer_json(service: ModelService, call: Call) -> bytes:
    """Answer in the row or column format of the request."""
    form: Format = "row"

    def inputs(servable: Servable) -> Arrays:
        nonlocal form
        call.check_alive()
        # In the request's turn: the numbers of an image need ten times the memory of its JSON.
        request = parse_request(call.body)
        call.spec.signature_name, form = request.signature_name, request.format
        arrays = arrays_of(request, dtypes_of(servable, request.signature_name))
        if (needed := sum(map(_bytes_of, arrays.values()))) > call.most_bytes:
            raise too_large(needed, call.most_bytes)
        return arrays

    found = service.predict(call.spec, inputs, timeout=call.timeout)
    return json_response.answer(found.outputs, form)


def _bytes_of(array: NDArray[Any]) -> int:
    """As over gRPC: two letters of JSON may be a number of four bytes, or a text of 24."""
    if array.dtype != object:
        return array.nbytes
    return TEXT_BYTES * array.size + sum(map(len, array.ravel()))


def answer_message(service: ModelService, call: Call) -> bytes:
    """Answer a PredictRequest with a PredictResponse; the path says which model."""
    try:
        request = PredictRequest.FromString(call.body)
    except DecodeError as error:
        raise invalid("Expected a PredictRequest of TensorFlow Serving. Received: something else.") from error
    signature = request.model_spec.signature_name
    request.model_spec.CopyFrom(call.spec)
    request.model_spec.signature_name = signature
    response = predict_message(service, request, call.most_bytes, timeout=call.timeout, alive=call.alive)
    return bytes(response.SerializeToString())


def answer_picture(service: ModelService, call: Call) -> bytes:
    """Answer a PNG file with a PNG file."""
    call.spec.signature_name = "png"

    def inputs(servable: Servable) -> Arrays:
        call.check_alive()
        files = np.empty(1, object)
        files[0] = call.body
        return {"png_bytes": files}

    found = service.predict(call.spec, inputs, timeout=call.timeout)
    return bytes(found.outputs["sr_png_bytes"][0])


FORMATS: dict[str, Callable[[ModelService, Call], bytes]] = {
    JSON: answer_json,
    MESSAGE: answer_message,
    PICTURE: answer_picture,
}


def format_of(content_type: str) -> str:
    """The form of a body: JSON, as TensorFlow Serving takes it, where none of the others is named."""
    name = content_type.partition(";")[0].strip().lower()
    return name if name in FORMATS else JSON
