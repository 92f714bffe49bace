"""Asking a model from inside its server: the page enhances scans as `lfsr enhance --server` does."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from tensorflow_serving.apis.model_pb2 import ModelSpec

from lfsr_tf.serving.clients.failure import Failure
from lfsr_tf.serving.server.refusal import RefusalError
from lfsr_tf.serving.server.service import ModelService
from lfsr_tf.serving.signatures.signature import Arrays


class LocalClient:
    """One model of a service, its newest version; every request waits for its turn as others do."""

    def __init__(self, service: ModelService, name: str, timeout: float) -> None:
        """Name the model.

        Args:
            service: With the model.
            name: On the server.
            timeout: Longest wait for a turn, in seconds.
        """
        self._service, self._name, self._timeout = service, name, timeout

    def predict(self, signature: str, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Run a signature.

        Raises:
            Failure: The service refuses.
        """
        spec = ModelSpec(name=self._name, signature_name=signature)
        try:
            return self._service.predict(spec, lambda _: inputs, timeout=self._timeout).outputs
        except RefusalError as refusal:
            raise Failure(refusal.code.name, refusal.message) from refusal
