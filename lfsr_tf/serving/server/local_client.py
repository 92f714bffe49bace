"""Asking a model from inside its server: the page enhances scans as `lfsr enhance --server` does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from tensorflow_serving.apis.model_pb2 import ModelSpec

from lfsr_tf.inference.enhance import Enhanced, Enhancer
from lfsr_tf.scans import Scan
from lfsr_tf.serving.clients.connect import network_behind
from lfsr_tf.serving.clients.failure import Failure
from lfsr_tf.serving.clients.retry import until_free
from lfsr_tf.serving.server.options import ServerOptions
from lfsr_tf.serving.server.refusal import RefusalError
from lfsr_tf.serving.server.service import ModelService
from lfsr_tf.serving.signatures.signature import Arrays


class LocalClient:
    """One model of a service; every request waits for its turn as others do."""

    def __init__(self, service: ModelService, name: str, timeout: float) -> None:
        """Name the model.

        Args:
            service: With the model.
            name: On the server.
            timeout: Longest wait for a turn, in seconds.
        """
        self._service, self._name, self._timeout = service, name, timeout

    def version(self) -> int:
        """The newest that answers now.

        Raises:
            Failure: There is none.
        """
        try:
            with self._service.store.lease(ModelSpec(name=self._name)) as (number, _):
                return number
        except RefusalError as refusal:
            raise _failure(refusal) from refusal

    @until_free
    def predict(self, signature: str, inputs: Arrays, version: int) -> dict[str, NDArray[Any]]:
        """Run a signature of a version.

        Raises:
            Failure: The service refuses; where it has too much to do, after it was asked several times.
        """
        spec = ModelSpec(name=self._name)
        spec.version.value = version
        try:
            with self._service.turn(spec, self._timeout) as (_, servable):
                return servable.predict(signature, inputs)
        except RefusalError as refusal:
            raise _failure(refusal) from refusal


def enhancer_of(
    service: ModelService, options: ServerOptions
) -> Callable[[Scan, Callable[[int], None]], Enhanced]:
    """Enhances scans with the first model, whichever version is the newest then."""
    name = options.models[0].name
    client = LocalClient(service, name, options.limits.rest_seconds)
    return lambda scan, advance: Enhancer(network_behind(client, name))(scan, advance)


def _failure(refusal: RefusalError) -> Failure:
    return Failure(refusal.code.name, refusal.message)
