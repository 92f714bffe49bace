"""JSON requests and answers, beside what TensorFlow Serving's documentation and sources say of them."""

import base64
import gc
import json
from contextlib import suppress
from typing import Literal

import numpy as np
import pytest
import tensorflow as tf

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.refusal import Code, RefusalError
from lfsr_tf.serving.server.rest.json_arrays import arrays_of
from lfsr_tf.serving.server.rest.json_request import parse_request
from lfsr_tf.serving.server.rest.json_response import answer, refused

ONE = {"image": tf.float32}
TWO = {"real": tf.float32, "imaginary": tf.float32}
BYTES = {"png_bytes": tf.string}
PICTURE = {"b64": base64.b64encode(b"\x89PNG\x00").decode()}


def _nested(levels: int) -> object:
    """A number in so many lists."""
    return json.loads("[" * levels + "1" + "]" * levels)


def arrays(document: object, dtypes: dict[str, tf.DType]) -> dict[str, np.ndarray]:
    return arrays_of(parse_request(json.dumps(document).encode()), dtypes, 1 << 26, Caller())


def test_rows_become_a_batch() -> None:
    found = arrays({"instances": [[[1.0, 2], [3, 4.5]], [[5, 6], [7, 8]]]}, ONE)["image"]
    np.testing.assert_array_equal(found, np.array([[[1, 2], [3, 4.5]], [[5, 6], [7, 8]]], np.float32))
    assert found.dtype == np.float32


def test_rows_may_name_their_inputs() -> None:
    rows = [{"real": [1.0], "imaginary": [2.0]}, {"imaginary": [4.0], "real": [3.0]}]
    found = arrays({"signature_name": "kspace", "instances": rows}, TWO)
    np.testing.assert_array_equal(found["real"], [[1], [3]])
    np.testing.assert_array_equal(found["imaginary"], [[2], [4]])


def test_columns_are_the_batch_itself() -> None:
    np.testing.assert_array_equal(arrays({"inputs": [[1.0, 2.0]]}, ONE)["image"], [[1, 2]])
    np.testing.assert_array_equal(arrays({"inputs": {"image": 3}}, ONE)["image"], 3)
    found = arrays({"inputs": {"real": [1.0], "imaginary": [2.0], "more": [3.0]}}, TWO)
    assert set(found) == {"real", "imaginary"}


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [PICTURE, PICTURE]},
        {"instances": [{"png_bytes": PICTURE}, {"png_bytes": PICTURE}]},
        {"inputs": [PICTURE, PICTURE]},
        {"inputs": {"png_bytes": [PICTURE, PICTURE]}},
    ],
)
def test_bytes_are_base64_in_every_format(document: object) -> None:
    found = arrays(document, BYTES)["png_bytes"]
    assert (found.dtype, found.tolist()) == (object, [b"\x89PNG\x00"] * 2)


def test_base64_may_have_line_breaks_and_lack_its_padding() -> None:
    broken = {"b64": "iVBO\nRw\r\nA"}
    assert arrays({"inputs": [broken]}, BYTES)["png_bytes"].tolist() == [b"\x89PNG\x00"]


def test_nan_and_infinity_are_read_so_that_the_model_can_refuse_them() -> None:
    found = arrays_of(parse_request(b'{"inputs": [NaN, Infinity, -Infinity]}'), ONE, 12, Caller())["image"]
    np.testing.assert_array_equal(found, [np.nan, np.inf, -np.inf])


@pytest.mark.parametrize("body", [b'{"inputs": [1]}', b'{"inputs": [NaN]}', b"[", b"{"])
@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_collected_after_a_parse_as_before(body: bytes, enabled: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with suppress(RefusalError):
            parse_request(body)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_the_signature_and_the_format_are_found() -> None:
    request = parse_request(b'{"signature_name": "volume", "inputs": []}')
    assert (request.signature_name, request.format) == ("volume", "column")
    assert parse_request(b'{"instances": [1]}').signature_name == ""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"{", "JSON Parse error: "),
        (b'{"instances": [1]', "JSON Parse error: "),
        (b"\xff\xfe", "JSON Parse error: "),
        (b"[1]", "Is not object"),
        (b"{}", "Missing 'inputs' or 'instances' key"),
        (b'{"inputs": 1, "instances": [1]}', "expecting only one of 'inputs' or 'instances' keys"),
        (b'{"instances": 1}', "Excepting 'instances' to be an list/array"),
        (b'{"instances": []}', "No values in 'instances' array"),
        (b'{"signature_name": 3, "inputs": 1}', "'signature_name' key must be a string value."),
        (b'{"inputs": [' + b"[" * 100_000, "JSON Parse error: "),
        (b'{"inputs": [NaN, "\\ud800"]}', "JSON Parse error: "),
        (b'{"signature_name": "\\ud800", "inputs": [1]}', "JSON Parse error: "),
        (b'{"inputs": [NaN, ' + b"9" * 5000 + b"]}", "JSON Parse error: "),
    ],
)
def test_bodies_that_are_no_request_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(RefusalError) as refusal:
        parse_request(body)
    assert refusal.value.code == Code.INVALID_ARGUMENT
    assert message in refusal.value.message


@pytest.mark.parametrize(
    ("document", "dtypes", "message"),
    [
        (
            {"instances": [[1], [1, 2]]},
            ONE,
            "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting ",
        ),
        ({"instances": [[[1, 2]], [[1], [2]]]}, ONE, "Expecting shape [1,2] but got: [2,1]"),
        ({"instances": [[1, [2]]]}, ONE, "Encountered list at unexpected level: 1 expected < 1"),
        ({"instances": [[[1, 2], [3]]]}, ONE, "list at unexpected size: 1 at level: 1 expected size: 2"),
        ({"instances": [[[1], 2]]}, ONE, "found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ({"instances": [["a"]]}, ONE, 'JSON Value: "a" Type: String is not of expected type: float'),
        ({"instances": [[None]]}, ONE, "JSON Value: null Type: Null is not of expected type: float"),
        ({"instances": [[True]]}, ONE, "Type: True is not of expected type: float"),
        ({"instances": [[1e300]]}, ONE, "Cannot convert JSON value: 1e+300 to float without loss"),
        ({"instances": [[2**24]]}, ONE, "Cannot convert JSON value: 16777216 to float without loss"),
        ({"instances": [1, 2]}, TWO, "instances is a plain list, but expecting list of objects"),
        ({"instances": [{"image": 1}, 2]}, ONE, "Expecting object but got list at item 1 of input list"),
        ({"instances": [1, {"image": 1}]}, ONE, "Expecting value/list but got object at item 1"),
        ({"instances": [{"real": 1}]}, TWO, "keys must be equal to: imaginary,real"),
        ({"inputs": [1]}, TWO, "inputs is a plain value/list, but expecting an object"),
        ({"inputs": {"real": 1}}, TWO, "Missing named input: imaginary in 'inputs' object."),
        ({"instances": [{"b64": "?"}]}, BYTES, "Unable to base64 decode"),
        ({"instances": [1]}, BYTES, "JSON Value: 1 Type: Number is not of expected type: string"),
        (
            {"inputs": {"png_bytes": [{"b64": 1}]}},
            BYTES,
            'JSON Value: {"b64": 1} not formatted correctly for base64 data',
        ),
        ({"inputs": _nested(33)}, ONE, "Expected lists in at most 32 levels"),
        ({"inputs": _nested(900)}, ONE, "Expected lists in at most 32 levels"),
    ],
)
def test_values_that_do_not_fit_are_refused_in_tensorflow_serving_s_words(
    document: object, dtypes: dict[str, tf.DType], message: str
) -> None:
    with pytest.raises(RefusalError) as refusal:
        arrays(document, dtypes)
    assert refusal.value.code == Code.INVALID_ARGUMENT
    assert message in refusal.value.message


def test_complex_numbers_have_no_json() -> None:
    with pytest.raises(RefusalError, match="to type: complex64") as refusal:
        arrays({"inputs": [1.0]}, {"kspace": tf.complex64})
    assert (refusal.value.code, refusal.value.code.http) == (Code.UNIMPLEMENTED, 501)


def test_a_refusal_does_not_send_an_image_back() -> None:
    with pytest.raises(RefusalError) as refusal:
        arrays({"instances": [{"real": [0.5] * 10_000}]}, TWO)
    assert len(refusal.value.message) < 500


def test_answers_are_rows_or_columns_and_name_outputs_where_there_are_several() -> None:
    sr, level = np.array([[[0.2], [1.0]], [[3e-5], [9e6]]], np.float32), np.array([0.5, 0.25], np.float32)
    assert json.loads(answer({"sr": sr}, "row")) == {"predictions": [[[0.2], [1.0]], [[3e-5], [9e6]]]}
    assert json.loads(answer({"sr": sr}, "column")) == {"outputs": [[[0.2], [1.0]], [[3e-5], [9e6]]]}
    both = json.loads(answer({"sr": sr, "level": level}, "row"))["predictions"]
    assert both[1] == {"level": 0.25, "sr": [[3e-5], [9e6]]}
    assert set(json.loads(answer({"sr": sr, "level": level}, "column"))["outputs"]) == {"sr", "level"}


def test_numbers_come_back_as_the_same_float32() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32) ** 9
    body = answer({"sr": values}, "column")
    np.testing.assert_array_equal(np.array(json.loads(body)["outputs"], np.float32), values)
    assert b"0.2000000" not in answer({"sr": np.array([0.2], np.float32)}, "column")


@pytest.mark.parametrize("form", ["row", "column"])
def test_what_is_not_finite_goes_out_as_it_is(form: Literal["row", "column"]) -> None:
    sr, level = np.array([[np.nan], [-np.inf]], np.float32), np.array([1.5, np.inf])
    assert answer({"sr": sr}, form).endswith(b":[[NaN],[-Infinity]]}")
    both = json.loads(answer({"sr": sr, "level": level}, form).replace(b"NaN", b"7.0"))
    expected = {"row": [{"level": 1.5, "sr": [7]}, {"level": np.inf, "sr": [-np.inf]}]}
    expected["column"] = {"level": [1.5, np.inf], "sr": [[7], [-np.inf]]}  # type: ignore[assignment]
    assert list(both.values()) == [expected[form]]


def test_bytes_go_out_as_base64_by_the_name_of_the_output() -> None:
    pictures = np.array([b"\x89PNG\x00", b""], object)
    assert json.loads(answer({"sr_png_bytes": pictures}, "row")) == {"predictions": [PICTURE, {"b64": ""}]}
    assert json.loads(answer({"label": np.array([b"brain"], object)}, "row")) == {"predictions": ["brain"]}


def test_rows_of_different_numbers_have_no_row_format() -> None:
    outputs = {"a": np.zeros(2, np.float32), "b": np.zeros(3, np.float32)}
    with pytest.raises(RefusalError, match="inconsistent batch size: 3 expecting: 2"):
        answer(outputs, "row")
    with pytest.raises(RefusalError, match="no shape information"):
        answer({"a": np.float32(3).reshape(())}, "row")


def test_a_refusal_is_an_object_with_the_sentence() -> None:
    assert json.loads(refused('Serving signature key "x" not found.')) == {
        "error": 'Serving signature key "x" not found.'
    }
