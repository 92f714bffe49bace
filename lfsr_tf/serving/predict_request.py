"""From arrays to the request for a prediction, as TensorFlow Serving's gRPC API has it, and back."""

from __future__ import annotations

import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from lfsr_tf.serving.signatures.signature import Arrays


def predict_request(name: str, signature: str, inputs: Arrays) -> PredictRequest:
    """A request of TensorFlow Serving's PredictionService.

    Args:
        name: Of the model.
        signature: Its name.
        inputs: Arrays by the names of the inputs, bytes as dtype object.
    """
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, signature
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


def inputs_of(request: PredictRequest) -> Arrays:
    """The arrays of a request, bytes as dtype object."""
    return {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
