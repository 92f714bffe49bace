"""What is asked of signatures that are not there is refused, at no more cost than what is answered."""

from pathlib import Path

import pytest
from tensorflow_serving.apis.model_pb2 import ModelSpec

from lfsr_tf.serving.server.gate import Gate
from lfsr_tf.serving.server.models.store import ModelStore
from lfsr_tf.serving.server.options import ModelSource
from lfsr_tf.serving.server.refusal import RefusalError
from lfsr_tf.serving.server.rest.describe import refuse_examples
from lfsr_tf.serving.server.service import ModelService


def test_examples_are_read_in_a_turn(tmp_path: Path) -> None:
    service = ModelService(ModelStore([ModelSource("lfsr", tmp_path)], 60.0), Gate(1, 1))

    def refusal(body: bytes) -> str:
        with pytest.raises(RefusalError) as error:
            refuse_examples(service, ModelSpec(name="lfsr"), "classify", body, 0.05)
        return error.value.message

    with service.gate.turn(1.0):
        assert refusal(b'{"examples": [1]}').startswith("No turn for this request")
    assert refusal(b'{"examples": [1]}') == "Servable not found for request: Latest(lfsr)"
    assert refusal(b"no JSON").startswith("JSON Parse error")
    assert service.gate.inside == 0
