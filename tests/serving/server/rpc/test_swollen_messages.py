"""Messages that need many times their bytes once they are read are refused before others need as much."""

import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import pytest
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from lfsr_tf.serving.server import messages
from lfsr_tf.serving.server.messages import read_message
from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.options import Limits, ModelSource, ServerOptions
from lfsr_tf.serving.server.refusal import Code, RefusalError
from tests.serving.server.server_process import ServerProcess

PREDICT = "/tensorflow.serving.PredictionService/Predict"
MIB = 1 << 20


def field(number: int, content: bytes) -> bytes:
    """As it stands in a message: a field with so many bytes."""
    length, size = len(content), b""
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


def request(tensor: bytes, count: int = 1) -> bytes:
    """A PredictRequest whose inputs are all of one TensorProto."""
    name = "image" if count == 1 else "{:06}"
    inputs = (field(2, field(1, name.format(each).encode()) + field(2, tensor)) for each in range(count))
    return field(1, field(1, b"lfsr")) + b"".join(inputs)


ONE = field(2, field(2, b"\x08\x01"))  # its shape
FLOATS, TEXTS = b"\x08\x01" + ONE, b"\x08\x07" + ONE
SWOLLEN = {
    "axes": (lambda many: request(b"\x08\x01" + field(2, b"\x12\x00" * many)), "at most 254 axes of image"),
    "texts": (lambda many: request(TEXTS + b"\x42\x00" * many), "at most 1 values of image in string_val"),
    "handles": (
        lambda many: request(FLOATS + b"\x72\x00" * many),
        "0 values of image in resource_handle_val",
    ),
    "variants": (lambda many: request(FLOATS + b"\x7a\x00" * many), "0 values of image in variant_val"),
    "numbers": (lambda many: request(FLOATS + field(10, b"\x00" * many)), "1 values of image in int64_val"),
    "complex": (
        lambda many: request(FLOATS + field(9, b"\x00" * 4 * many)),
        "2 values of image in scomplex_val",
    ),
    "repetitions": (lambda many: field(2, field(2, b"")) * 20 * many, "without repetitions. Received: "),
    "inputs": (lambda many: request(b"", many), "Expected at most 1000 inputs. Received: "),
}


@pytest.mark.parametrize("kind", SWOLLEN)
def test_what_no_tensor_has_is_refused_as_the_message_is_read(kind: str) -> None:
    wire, message = SWOLLEN[kind]
    with pytest.raises(RefusalError) as refusal:
        read_message(PredictRequest.FromString, wire(1001), "PredictRequest")
    assert refusal.value.code == Code.INVALID_ARGUMENT
    assert message in refusal.value.message


def test_a_refusal_does_not_keep_the_message() -> None:
    with pytest.raises(RefusalError) as refusal:
        read_message(PredictRequest.FromString, SWOLLEN["axes"][0](1001), "PredictRequest")
    errors = [refusal.value, refusal.value.__cause__, refusal.value.__context__]
    traces = [error.__traceback__ for error in errors if error is not None]
    frames = [frame for trace in traces for frame, _ in traceback.walk_tb(trace)]
    kept = [type(value).__name__ for frame in frames for value in frame.f_locals.values()]
    assert not {"PredictRequest", "TensorProto", "TensorShapeProto"}.intersection(kept)


def test_what_fits_its_shape_is_read() -> None:
    wire = request(b"\x08\x08" + field(2, b"\x12\x00" * 0 + field(2, b"\x08\x02")) + field(9, b"\x00" * 16))
    found = read_message(PredictRequest.FromString, wire, "PredictRequest")
    assert len(found.inputs["image"].scomplex_val) == 4
    axes = request(b"\x08\x01" + field(2, field(2, b"\x08\x01") * 254) + b"\x2d\x00\x00\x00\x00")
    assert len(read_message(PredictRequest.FromString, axes, "").inputs["image"].float_val) == 1


def test_messages_are_read_one_at_a_time() -> None:
    inside, most = [], []

    def slowly(wire: bytes) -> bytes:
        inside.append(wire)
        most.append(len(inside))
        time.sleep(0.02)
        inside.remove(wire)
        return wire

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda wire: read_message(slowly, wire, ""), [b"a", b"b", b"c", b"d"]))
    assert (done, max(most)) == ([b"a", b"b", b"c", b"d"], 1)


@pytest.fixture
def server(base: Path) -> Iterator[ModelServer]:
    limits = Limits(request_bytes=MIB, buffered_bytes=1_500_000)
    with ModelServer(
        ServerOptions((ModelSource("lfsr", base),), grpc_port=0, rest_port=0, limits=limits)
    ) as running:
        yield running


def test_no_message_is_read_without_room_for_its_bytes(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, free, read = threading.Event(), threading.Event(), []

    class Slow:
        """A lock that is not to be had for a while."""

        def __enter__(self) -> None:
            read.append(self)
            begun.set()
            assert free.wait(10.0)

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(messages, "_READING", Slow())
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        call = channel.unary_unary(PREDICT)
        first = call.future(SWOLLEN["texts"][0](450_000), timeout=20.0)
        assert begun.wait(10.0)
        with pytest.raises(grpc.RpcError) as refusal:
            call(SWOLLEN["texts"][0](500_000), timeout=20.0)
        assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert len(read) == 1
        free.set()
        assert first.exception(20.0).code() == grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.RpcError) as refusal:
            call(SWOLLEN["texts"][0](500_000), timeout=20.0)
        assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "method",
    [
        "/tensorflow.serving.ModelService/HandleReloadConfigRequest",
        "/tensorflow.serving.ModelService/GetModelStatus",
        "/tensorflow.serving.PredictionService/Classify",
        "/tensorflow.serving.PredictionService/GetModelMetadata",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
    ],
)
def test_large_messages_of_other_kinds_are_not_read(
    method: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    monkeypatch.setattr(messages, "_read", lambda *given: read.append(given))
    with (
        grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
        pytest.raises(grpc.RpcError) as refusal,
    ):
        next(channel.unary_stream(method)(field(1, b"\x0a\x00" * 40_000), timeout=20.0))
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert f"Expected a message of {method} of at most 65536 bytes. Received: " in refusal.value.details()
    assert read == []


def test_swollen_messages_over_both_protocols_need_no_more_than_one(base: Path, tmp_path: Path) -> None:
    wire = SWOLLEN["axes"][0](2 * MIB)  # 4 MiB, which become about 110

    def over_rest(server: ServerProcess) -> int:
        headers = {"content-type": "application/x-protobuf"}
        url = f"{server.url}/v1/models/lfsr:predict"
        return httpx.post(url, content=wire, headers=headers, timeout=60.0).status_code

    with ServerProcess(base, tmp_path / "log.txt", running=2) as server, ThreadPoolExecutor(8) as pool:
        server.forget_peak()
        before = server.mebibytes
        rest = [pool.submit(over_rest, server) for _ in range(8)]
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            calls = [channel.unary_unary(PREDICT).future(wire, timeout=60.0) for _ in range(8)]
            codes = {call.exception().code() for call in calls}
        assert codes == {grpc.StatusCode.INVALID_ARGUMENT}
        assert {each.result() for each in rest} == {400}
        assert server.mebibytes < before + 900  # 200 as they came; with all of them read at once 1,900
