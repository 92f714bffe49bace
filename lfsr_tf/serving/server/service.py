"""What the server does with a request, whichever protocol it came by."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import tensorflow as tf
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.model_pb2 import ModelSpec

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.gate import Gate
from lfsr_tf.serving.server.metrics import Metrics
from lfsr_tf.serving.server.models.servable import Servable
from lfsr_tf.serving.server.models.store import ModelStore, asked_version
from lfsr_tf.serving.server.refusal import Code, RefusalError, invalid, one_line
from lfsr_tf.serving.signatures.signature import DEFAULT_SIGNATURE

logger = logging.getLogger(__name__)

SIGNATURE_FIELD = "signature_def"
_MOST_OF_A_NAME = 200
_KINDS = {"classify": "classification", "regress": "regression"}


class ModelService:
    """Predictions, metadata and states of the models in a store."""

    def __init__(self, store: ModelStore, gate: Gate) -> None:
        self.store, self.gate = store, gate
        models = {name: _answering(model) for name, model in store.models.items()}
        self.metrics = Metrics(models, lambda: gate.inside)

    @contextmanager
    def turn(
        self, spec: Any, timeout: float | None, caller: Caller | None = None
    ) -> Iterator[tuple[int, Servable]]:
        """Wait for a turn, and hold the version that a request asks for while the block runs.

        Args:
            spec: TensorFlow Serving's ModelSpec.
            timeout: Longest to wait, in seconds; None for as long as it takes.
            caller: Who waits for the answer, if it may leave: then it gives up its place.

        Yields:
            The version's number and graph.

        Raises:
            RefusalError: There is no turn or no such version, or the client has gone.
        """
        with self.gate.turn(timeout, caller), self.store.lease(spec) as leased:
            yield leased

    def metadata(self, spec: Any, fields: Sequence[str] = (SIGNATURE_FIELD,)) -> GetModelMetadataResponse:
        """The signatures of a model.

        Raises:
            RefusalError: There is no such model, or another field than the signatures is asked for.
        """
        if not fields:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in fields:
            if field != SIGNATURE_FIELD:
                raise invalid(f"Metadata field {field} is not supported")
        response = GetModelMetadataResponse()
        with self.store.lease(spec) as (version, servable):
            signatures = SignatureDefMap(signature_def=servable.signatures)
        response.model_spec.name, response.model_spec.version.value = spec.name, version
        response.metadata[SIGNATURE_FIELD].Pack(signatures)
        return response

    def refuse_other_method(self, spec: Any, method: str) -> NoReturn:
        """Refuse `classify` and `regress`, whose signatures take examples, not images.

        Raises:
            RefusalError: Always.
        """
        name = spec.signature_name or DEFAULT_SIGNATURE
        with self.store.lease(spec) as (_, servable):
            if name not in servable.signatures:
                raise invalid(f"No signature was found with the name: {name}")
            found = servable.signatures[name].method_name
        kind = _KINDS[method]
        raise invalid(
            f"Expected {kind} signature method_name to be tensorflow/serving/{method}. Was: {found}"
        )

    def refuse_tasks(self, tasks: Sequence[Any]) -> NoReturn:
        """Refuse several classifications and regressions at once (multi_inference.cc).

        Raises:
            RefusalError: Always.
        """
        with self.store.lease(tasks[0].model_spec if tasks else ModelSpec()) as (_, servable):
            name = tasks[0].model_spec.signature_name or DEFAULT_SIGNATURE
            if name not in servable.signatures:
                raise invalid(f"Requested signature not found in model graph: {name}")
        method = tasks[0].method_name.removeprefix("tensorflow/serving/")
        if method not in _KINDS:
            asked = tasks[0].method_name
            raise RefusalError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {asked}")
        self.refuse_other_method(tasks[0].model_spec, method)

    def status(self, spec: Any) -> GetModelStatusResponse:
        """State of one version of a model, or of all of them.

        Raises:
            RefusalError: NOT_FOUND, there is no such model or version.
        """
        name, number = spec.name, asked_version(spec)
        states = self.store.models[name].states() if name in self.store.models else {}
        if not states:
            raise RefusalError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        if spec.version_label or number == 0:
            with self.store.lease(spec) as (number, _):
                states = {number: states[number]}
        elif number is not None:
            if number not in states:
                raise RefusalError(Code.NOT_FOUND, f"Could not find version {number} of model {name}")
            states = {number: states[number]}
        response = GetModelStatusResponse()
        for number, (state, error) in states.items():
            row = response.model_version_status.add(version=number, state=int(state))
            row.status.error_code, row.status.error_message = (int(Code.UNKNOWN) if error else 0), error
        return response

    @contextmanager
    def counted(self, model: str, api: str, entrypoint: str) -> Iterator[Callable[[], None]]:
        """Count and time a request; what is no refusal becomes one, INTERNAL, and one line in the log.

        Yields:
            To be called when the whole request is there, if it was not at the beginning.

        Raises:
            RefusalError: Whatever the block raises.
        """
        started, status, shown = time.monotonic(), "OK", repr(model[:_MOST_OF_A_NAME])

        def restart() -> None:
            nonlocal started
            started = time.monotonic()

        try:
            yield restart
        except RefusalError as refusal:
            status = refusal.code.name
            logger.info("%s %s of %s refused: %s", entrypoint, api, shown, refusal.line)
            raise
        except Exception as error:
            status, kind = Code.INTERNAL.name, type(error).__name__
            logger.error("%s %s of %s failed: %s: %s", entrypoint, api, shown, kind, one_line(str(error)))
            raise RefusalError(Code.INTERNAL, f"{kind} in the server.") from error
        finally:
            self.metrics.observe(model, api, entrypoint, status, time.monotonic() - started)


def dtypes_of(servable: Servable, signature: str) -> dict[str, tf.DType]:
    """Of a signature's inputs, by their names.

    Raises:
        RefusalError: There is no such signature, in the words of TensorFlow Serving's REST API.
    """
    name = signature or DEFAULT_SIGNATURE
    if name not in servable.signatures:
        raise invalid(f'Serving signature name: "{name}" not found in signature def')
    return {key: tf.dtypes.as_dtype(info.dtype) for key, info in servable.signatures[name].inputs.items()}


def _answering(model: Any) -> Callable[[], bool]:
    return lambda: model.available
