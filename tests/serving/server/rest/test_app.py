"""What the REST port refuses is one line of the log, says what would be right, and is not worked on."""

import logging
from collections.abc import Iterator

import httpx
import pytest

from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.options import Limits, ModelSource, ServerOptions
from tests.serving.server.factor_model import save_factor_model

MOST = 30_000


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    base = tmp_path_factory.mktemp("lfsr")
    save_factor_model(base / "1", 3.0)
    options = ServerOptions(
        (ModelSource("lfsr", base),), grpc_port=0, rest_port=0, limits=Limits(request_bytes=MOST)
    )
    with ModelServer(options) as server, httpx.Client(base_url=f"http://127.0.0.1:{server.rest_port}") as own:
        yield own


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if "refused" in record.message]


def test_another_path_is_refused_in_few_words_and_one_line_of_the_log(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    answer = client.get(f"/v2/{'x' * 10_000}")
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("Expected a path of this server. Received: /v2/xxx")
    assert len(answer.content) < 2100
    (line,) = refusals(caplog)
    assert line.startswith("REST request refused: NOT_FOUND: Expected a path") and len(line) < 2100


def test_another_method_is_refused_with_those_that_there_are(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lfsr_tf")
    path = ServerOptions.metrics_path
    answer = client.post(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json() == {"error": f"Expected GET, HEAD of {path}. Received: POST."}
    assert len(refusals(caplog)) == 1


def test_the_arrays_of_json_have_the_limit_of_a_request(client: httpx.Client) -> None:
    # Two letters a number, which is four bytes; the model itself takes one channel.
    answers = [
        client.post("/v1/models/lfsr:predict", content=f'{{"inputs": [[[[{",".join("0" * numbers)}]]]]}}')
        for numbers in (1, 7_500, 7_501)
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 413]
    assert f"at most {MOST} bytes. Received: 30004" in answers[-1].json()["error"]
