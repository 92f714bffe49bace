"""Forms in which REST takes images and gives them back, chosen by the request's Content-Type.

JSON is TensorFlow Serving's own. The other two are this server's: the messages of the gRPC API, which need a
tenth of JSON's time, and a bare picture, for `curl --data-binary`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.messages import predict_message, read_message
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.rest import json_response
from lfsr_tf.serving.server.rest.body import Body
from lfsr_tf.serving.server.rest.json_arrays import arrays_of
from lfsr_tf.serving.server.rest.json_request import Format, parse_request
from lfsr_tf.serving.server.service import ModelService, dtypes_of

JSON, MESSAGE, PICTURE = "application/json", "application/x-protobuf", "image/png"


@dataclass(frozen=True)
class Call:
    """One request for a prediction.

    Attributes:
        spec: The ModelSpec of the path.
        body: As it came.
        timeout: Longest to wait for a turn, in seconds.
        most_bytes: Most bytes of its tensors together.
        caller: Who waits for the answer.
    """

    spec: Any
    body: Body
    timeout: float
    most_bytes: int
    caller: Caller


def answer_json(service: ModelService, call: Call) -> bytes:
    """Answer in the row or column format of the request."""
    with service.turn(call.spec, call.timeout, call.caller) as (_, servable):
        # In the request's turn: the numbers of an image need ten times the memory of its JSON.
        signature, form, arrays = _given(call, servable)
        outputs = servable.predict(signature, arrays, (), call.caller)
        del arrays  # before the answer needs memory
    return json_response.answer(outputs, form)


def _given(call: Call, servable: Servable) -> tuple[str, Format, dict[str, NDArray[Any]]]:
    """Signature, form and arrays of a request, whose JSON is forgotten before the model runs."""
    request = parse_request(call.body)
    call.caller.check()
    dtypes = dtypes_of(servable, request.signature_name)
    arrays = arrays_of(request, dtypes, call.most_bytes, call.caller)
    return request.signature_name, request.format, arrays


def answer_message(service: ModelService, call: Call) -> bytes:
    """Answer a PredictRequest with a PredictResponse; the path says which model."""
    request = read_message(PredictRequest.FromString, call.body, "PredictRequest of TensorFlow Serving")
    signature = request.model_spec.signature_name
    request.model_spec.CopyFrom(call.spec)
    request.model_spec.signature_name = signature
    response = predict_message(service, request, call.most_bytes, timeout=call.timeout, caller=call.caller)
    return bytes(response.SerializeToString())


def answer_picture(service: ModelService, call: Call) -> bytes:
    """Answer a PNG file with a PNG file."""
    files = np.empty(1, object)
    files[0] = bytes(call.body)
    with service.turn(call.spec, call.timeout, call.caller) as (_, servable):
        outputs = servable.predict("png", {"png_bytes": files}, (), call.caller)
    return bytes(outputs["sr_png_bytes"][0])


FORMATS: dict[str, Callable[[ModelService, Call], bytes]] = {
    JSON: answer_json,
    MESSAGE: answer_message,
    PICTURE: answer_picture,
}


def format_of(content_type: str) -> str:
    """The form of a body: JSON, as TensorFlow Serving takes it, where none of the others is named."""
    name = content_type.partition(";")[0].strip().lower()
    return name if name in FORMATS else JSON
