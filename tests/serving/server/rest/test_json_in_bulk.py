"""A request of a few kilobytes that unpacks to millions of values keeps a server neither long nor full."""

import gzip
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.refusal import Code, RefusalError
from lfsr_tf.serving.server.rest import json_arrays, json_leaves, json_request
from lfsr_tf.serving.server.rest.json_arrays import arrays_of
from lfsr_tf.serving.server.rest.json_request import Format, JsonRequest
from lfsr_tf.serving.server.tensors import TEXT_BYTES

MOST = 1 << 26
MANY = 200_000
FORMS: tuple[Format, ...] = ("row", "column")
IMAGE, TEXT, TWO = {"image": tf.float32}, {"text": tf.string}, {"real": tf.float32, "imaginary": tf.float32}


def refusal(
    values: object,
    dtypes: dict[str, tf.DType],
    form: Format = "row",
    most: int = MOST,
    caller: Caller | None = None,
) -> RefusalError:
    with pytest.raises(RefusalError) as found:
        arrays_of(JsonRequest("", form, values), dtypes, most, caller or Caller())
    return found.value


@pytest.mark.parametrize("count", [1, 4096, 5000])
def test_instances_are_the_array_that_the_same_rows_as_inputs_are(count: int) -> None:
    rows = [[float(number), 0.5] for number in range(count)]
    found = [arrays_of(JsonRequest("", form, rows), IMAGE, MOST, Caller())["image"] for form in FORMS]
    assert found[0].shape == (count, 2)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("element", "dtypes"), [(0.5, IMAGE), ([], IMAGE), ("", TEXT), ({"real": 0, "imaginary": 0}, TWO)]
)
def test_the_instances_of_whoever_has_left_are_not_all_looked_at(
    element: object, dtypes: dict[str, tf.DType], monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, looked, names = Caller(), [], json_arrays._names_inputs
    caller.leave()
    monkeypatch.setattr(json_arrays, "_names_inputs", lambda value: looked.append(1) or names(value))
    assert refusal([element] * MANY, dtypes, caller=caller).code == Code.CANCELLED
    assert len(looked) <= 4097


@pytest.mark.parametrize("form", ["row", "column"])
@pytest.mark.parametrize(
    ("values", "dtypes", "needed"),
    [
        ([[0] * MANY], IMAGE, 4 * MANY),
        ([[0] * (MANY - 1) + ["x"]], IMAGE, 4 * MANY),
        ([[""] * MANY], TEXT, TEXT_BYTES * MANY),
        ([["", "xy"]], TEXT, 2 * TEXT_BYTES),
    ],
)
def test_arrays_that_would_be_too_large_are_refused_before_they_are_made(
    values: list[object],
    dtypes: dict[str, tf.DType],
    needed: int,
    form: Format,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_arrays, "Leaves", lambda *_: pytest.fail("values were looked at"))
    found = refusal(values, dtypes, form, needed - 1)
    assert (found.code, found.http) == (Code.RESOURCE_EXHAUSTED, 413)
    assert f"Received: {needed} or more" in found.message


def test_the_letters_of_texts_count_too() -> None:
    texts = JsonRequest("", "row", ["", "xy"])
    assert arrays_of(texts, TEXT, 2 * TEXT_BYTES + 2, Caller())["text"].tolist() == [b"", b"xy"]
    assert refusal(["", "xy"], TEXT, most=2 * TEXT_BYTES + 1).http == 413


def test_all_inputs_share_the_limit() -> None:
    values = {"real": [0] * 10, "imaginary": [0] * 10}
    assert set(arrays_of(JsonRequest("", "column", values), TWO, 80, Caller())) == set(TWO)
    assert refusal(values, TWO, "column", 79).http == 413


@pytest.mark.parametrize("form", ["row", "column"])
@pytest.mark.parametrize(
    ("value", "dtype"),
    [(0, tf.int32), (False, tf.bool), ("", tf.string), (2.0**30, tf.float32), ([], tf.int32)],
)
def test_whoever_leaves_is_worked_for_no_longer(
    value: object, dtype: tf.DType, form: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, looked = Caller(), []
    convert, looks = json_leaves._converter(dtype), Caller.check

    def check(self: Caller) -> None:
        looked.append(self)
        if len(looked) == 5:
            self.leave()
        looks(self)

    converted = []
    monkeypatch.setattr(Caller, "check", check)
    monkeypatch.setattr(
        json_leaves, "_converter", lambda _: lambda value: converted.append(value) or convert(value)
    )
    assert refusal([[value] * MANY], {"x": dtype}, form, caller=caller).code == Code.CANCELLED
    assert len(converted) < 20_000


class Collection:
    """Garbage collection of which a second reader learns late that the first one has switched it off."""

    def __init__(self) -> None:
        self.on, self.looks = True, 0
        self.second_looked, self.first_left = threading.Event(), threading.Event()

    def isenabled(self) -> bool:
        found, self.looks = self.on, self.looks + 1
        if self.looks == 2:
            self.second_looked.set()
            self.first_left.wait(5.0)
        return found

    def enable(self) -> None:
        self.on = True

    def disable(self) -> None:
        self.on = False


def test_requests_that_are_read_at_once_leave_garbage_collection_on(monkeypatch: pytest.MonkeyPatch) -> None:
    collection, inside = Collection(), threading.Event()
    monkeypatch.setattr(json_request, "gc", collection)

    def first() -> None:
        with json_request._uncollected():
            inside.set()
            collection.second_looked.wait(0.3)
        collection.first_left.set()

    def second() -> None:
        assert inside.wait(5.0)
        with json_request._uncollected():
            assert not collection.on

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(first), pool.submit(second)]:
            each.result(10.0)
    assert collection.on


def test_the_first_element_that_does_not_fit_is_named_and_the_others_are_not_looked_at() -> None:
    elements = [[0.5]] * 3 + [["x"]] + [[[]]] * 3
    found = refusal(elements, IMAGE)
    assert found.message.startswith(
        "Failed to process element: 3 of 'instances' list. Error: INVALID_ARGUMENT:"
    )
    assert '"x" Type: String is not of expected type: float' in found.message


@pytest.mark.parametrize(("value", "dtype"), [(300, tf.int8), (-1, tf.uint8), (2**63, tf.int64)])
def test_integers_out_of_their_range_are_refused(value: int, dtype: tf.DType) -> None:
    assert f"{value} out of the range of {dtype.name}" in refusal([value], {"x": dtype}, "column").message


@pytest.mark.parametrize(
    "body", [b'{"instances":[' + b"0," * (1 << 22) + b"0]}", b'{"inputs":[' + b'"",' * (1 << 22) + b'""]}']
)
def test_a_server_is_done_with_such_a_request_at_once(server: ModelServer, url: str, body: bytes) -> None:
    started = time.monotonic()
    with httpx.Client(base_url=url, timeout=30.0) as client:
        headers = {"content-encoding": "gzip"}
        answer = client.post("/v1/models/lfsr:predict", content=gzip.compress(body), headers=headers)
    assert answer.status_code in (400, 413)
    assert time.monotonic() - started < 15.0  # an array a value took minutes
    assert server.service.gate.inside == 0


def test_the_place_of_a_client_that_leaves_is_free_while_its_values_are_read(
    server: ModelServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def slowly(_: tf.DType) -> object:
        begun.set()
        return lambda value: time.sleep(1e-4)

    monkeypatch.setattr(json_leaves, "_converter", slowly)
    body = b'{"signature_name": "png", "inputs": [' + b'"",' * (1 << 20) + b'""]}'
    with httpx.Client(base_url=url) as client, pytest.raises(httpx.ReadTimeout):
        client.post("/v1/models/lfsr:predict", content=body, timeout=1.0)
    assert begun.is_set()
    deadline = time.monotonic() + 10.0
    while server.service.gate.inside:
        assert time.monotonic() < deadline
        time.sleep(0.02)
