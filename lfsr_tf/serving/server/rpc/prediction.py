"""TensorFlow Serving's PredictionService and ModelService, on its own servicers."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from typing import Any

from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceServicer
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceServicer

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.messages import predict_message
from lfsr_tf.serving.server.options import Limits
from lfsr_tf.serving.server.refusal import Code, RefusalError, client_gone, invalid
from lfsr_tf.serving.server.rpc.departure import Departure
from lfsr_tf.serving.server.rpc.status import refuse
from lfsr_tf.serving.server.service import ModelService

# Of a deadline; gRPC sends it with two digits.
_NEARLY = 0.1
# Remote procedure calls look like this in grpc's Python API.
Method = Callable[[Any, Any, Any], Any]


def _answering(method: Method) -> Method:
    """Answer a RefusalError with its status, and count the request."""

    @functools.wraps(method)
    def answered(self: Any, request: Any, context: Any) -> Any:
        try:
            with self.service.counted(_name_of(request), method.__name__, "GRPC"):
                if _has_spec(request) and not request.HasField("model_spec"):
                    raise invalid("Missing ModelSpec")
                return method(self, request, context)
        except RefusalError as refusal:
            refuse(context, refusal)

    return answered


def _name_of(request: Any) -> str:
    return str(request.model_spec.name) if _has_spec(request) else ""


def _has_spec(request: Any) -> bool:
    return "model_spec" in request.DESCRIPTOR.fields_by_name


class PredictionService(PredictionServiceServicer):
    """Predict and GetModelMetadata; the others need signatures of other kinds, and say so."""

    def __init__(self, service: ModelService, limits: Limits, departure: Departure) -> None:
        self.service, self._most_bytes, self._departure = service, limits.request_bytes, departure

    @_answering
    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Run a signature."""
        timeout, caller = context.time_remaining(), _caller_of(context)
        response = predict_message(self.service, request, self._most_bytes, timeout=timeout, caller=caller)
        self._departure.hold(context, response.ByteSize())
        return response

    @_answering
    def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Give the signatures."""
        return self.service.metadata(request.model_spec, list(request.metadata_field))

    @_answering
    def Classify(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuse: there are no such signatures."""
        return self.service.refuse_other_method(request.model_spec, "classify")

    @_answering
    def Regress(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuse: there are no such signatures."""
        return self.service.refuse_other_method(request.model_spec, "regress")

    @_answering
    def MultiInference(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuse: there are no such signatures."""
        return self.service.refuse_tasks(request.tasks)


class ModelStatusService(ModelServiceServicer):
    """States of models; which models are served is decided when the server starts."""

    def __init__(self, service: ModelService) -> None:
        self.service = service

    @_answering
    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Give the states of a model's versions."""
        return self.service.status(request.model_spec)

    @_answering
    def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuse: a client must not choose what is read from the server's disk."""
        raise RefusalError(
            Code.UNIMPLEMENTED, "Models are chosen when this server starts. Restart it with others."
        )


def _caller_of(context: Any) -> Caller:
    """The client of a call, who leaves when the call ends before its answer."""
    caller, started, timeout = Caller(), time.monotonic(), context.time_remaining()

    def leave() -> None:
        # Where both ends keep the deadline, the client's word that it has passed may come first.
        nearly = min(_NEARLY * max(timeout, 1.0), timeout / 2.0)
        late = math.isfinite(timeout) and time.monotonic() - started > timeout - nearly
        caller.leave(RefusalError(Code.DEADLINE_EXCEEDED, "Deadline exceeded") if late else client_gone())

    if not context.add_callback(leave):
        leave()
    return caller
