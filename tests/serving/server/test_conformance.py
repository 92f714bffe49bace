"""Requests are answered as TensorFlow Serving answers them, but for the differences that the table names."""

import os
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1.health_pb2_grpc import HealthStub
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from lfsr_tf.serving.server.model_server import ModelServer
from tests.serving.server.conformance.cases import CASES
from tests.serving.server.conformance.requests import Case, Grpc, Rest

TABLE = Path(__file__).resolve().parents[3] / "docs" / "serving_requests.md"
STUBS = {
    "PredictionService": PredictionServiceStub,
    "ModelService": ModelServiceStub,
    "grpc.health.v1.Health": HealthStub,
}
HEAD = """\
# Requests and their answers, beside TensorFlow Serving's

`lfsr serve` speaks TensorFlow Serving's REST and gRPC APIs. Each row is a request that the tests send to it,
the status and the words that TensorFlow Serving's sources give for it, and what `lfsr serve` answers where
that differs. The files are those of [tensorflow/serving](https://github.com/tensorflow/serving), but for
TensorFlow's own `direct_session.cc`. This table is written by
`LFSR_WRITE_TABLE=1 pytest tests/serving/server/test_conformance.py`.

Beyond the rows: more requests than may wait are refused with 429 (RESOURCE_EXHAUSTED), a REST body that is
too slow with 408; a REST request is read in its turn, after its model was found; and JSON that names a key
twice keeps the last.

| no | request | TensorFlow Serving answers | `lfsr serve` answers | source |
|---|---|---|---|---|
"""


def answer(case: Case, server: ModelServer) -> tuple[str, str]:
    """Status and body, or message, of an answer."""
    if isinstance(case.sent, Rest):
        url = f"http://127.0.0.1:{server.rest_port}{case.sent.path}"
        response = httpx.request(
            case.sent.method, url, content=case.sent.content, headers=case.sent.headers, timeout=60.0
        )
        return str(response.status_code), response.content.decode("utf-8", errors="replace")
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        try:
            method = getattr(STUBS[case.sent.service](channel), case.sent.method)
            return "OK", str(method(case.sent.message, timeout=60.0))
        except grpc.RpcError as error:
            return error.code().name, error.details()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.request)
def test_a_request_is_answered_as_the_table_says(case: Case, server: ModelServer) -> None:
    status, text = answer(case, server)
    expected_status, expected_text = case.expected
    assert status == expected_status, text
    assert expected_text in (
        httpx.Response(200, text=text).json()["error"] if text[:9] == '{"error":' else text
    )


def test_a_difference_has_its_reason_and_is_one() -> None:
    for case in CASES:
        if case.here is not None:
            assert case.why
            assert case.here != (case.code, case.text) or "overlooks" in case.why


def row(number: int, case: Case) -> str:
    """A case as a row of the table."""
    kind = "gRPC" if isinstance(case.sent, Grpc) else "REST"
    here = "the same" if case.here in (None, (case.code, case.text)) else quoted(*case.here)
    here = f"{here}; {case.why}" if case.why else here
    source = f"`{case.source}`" if "." in case.source else case.source
    cells = (str(number), f"{kind}: {case.request}", quoted(case.code, case.text), here, source)
    return f"| {' | '.join(cells)} |\n"


def quoted(status: str, text: str) -> str:
    """Status and words as a cell."""
    return f"{status} `{text.strip()}`".replace("|", "\\|")


def test_the_table_is_that_of_the_cases() -> None:
    table = HEAD + "".join(row(number, case) for number, case in enumerate(CASES, 1))
    if os.environ.get("LFSR_WRITE_TABLE") == "1":
        TABLE.write_text(table, encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == table
