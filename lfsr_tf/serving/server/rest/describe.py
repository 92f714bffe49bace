"""Answers about models as JSON, in the form of TensorFlow Serving (http_rest_api_util.cc)."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.refusal import invalid
from lfsr_tf.serving.server.rest.body import Body
from lfsr_tf.serving.server.rest.json_request import parse_document, shown, signature_of
from lfsr_tf.serving.server.service import SIGNATURE_FIELD, ModelService


def status_json(service: ModelService, spec: Any) -> bytes:
    """States of a model's versions."""
    return _dumped(_as_dict(service.status(spec)))


def metadata_json(service: ModelService, spec: Any) -> bytes:
    """Signatures of a model."""
    response = service.metadata(spec)
    signatures = SignatureDefMap()
    response.metadata[SIGNATURE_FIELD].Unpack(signatures)
    return _dumped(
        {
            "model_spec": _as_dict(response.model_spec),
            "metadata": {SIGNATURE_FIELD: _as_dict(signatures)},
        }
    )


def refuse_examples(
    service: ModelService, spec: Any, verb: str, body: Body, timeout: float, caller: Caller | None = None
) -> NoReturn:
    """Refuse `classify` and `regress` as TensorFlow Serving does for signatures that take images.

    Args:
        service: With the models.
        spec: The ModelSpec of the path.
        verb: "classify" or "regress".
        body: As it came.
        timeout: Longest to wait for a turn, in seconds.
        caller: Who waits for it.

    Raises:
        RefusalError: Always.
    """
    # In a turn, as for a prediction: numbers need ten times the memory of their JSON.
    with service.gate.turn(timeout, caller):
        spec.signature_name = _signature_for_examples(body)
    service.refuse_other_method(spec, verb)


def _signature_for_examples(body: Body) -> str:
    document = parse_document(body)
    name = signature_of(document)
    if "examples" not in document:
        # TensorFlow Serving says so of regress, too.
        reason = "When method is classify, key 'examples' is expected and was not found"
        raise invalid(f"JSON Value: {shown(document)} {reason}")
    examples = document["examples"]
    if not isinstance(examples, list):
        raise invalid(f"JSON Value: {shown(document)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid(f"JSON Value: {shown(document)} 'examples' value is an empty array")
    return name


def _as_dict(message: Any) -> dict[str, Any]:
    return dict(
        MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    )


def _dumped(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1).encode()
