"""TensorFlow Serving's messages, which gRPC carries, and REST where it is asked to."""

from __future__ import annotations

from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.service import ModelService
from lfsr_tf.serving.server.tensors import arrays_of, put_array
from lfsr_tf.serving.signatures.signature import DEFAULT_SIGNATURE


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
