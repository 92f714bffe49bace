"""Paths mean what TensorFlow Serving's patterns make of them."""

from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st
from tensorflow_serving.apis.model_pb2 import ModelSpec

from lfsr_tf.serving.server.refusal import Code, RefusalError
from lfsr_tf.serving.server.rest.paths import parse_path

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def spec(name: str, version: int | None = None, label: str = "") -> ModelSpec:
    made = ModelSpec(name=name)
    if version is not None:
        made.version.value = version
    if label:
        made.version_label = label
    return made


@given(NAMES, st.none() | st.integers(0, 2**63 - 1), st.sampled_from(["predict", "classify", "regress"]))
def test_every_name_and_version_can_be_asked_for(name: str, version: int | None, verb: str) -> None:
    middle = "" if version is None else f"/versions/{version}"
    call = parse_path("POST", f"/v1/models/{quote(name, safe='')}{middle}:{verb}")
    assert (call.verb, call.spec) == (verb, spec(name, version))


@given(NAMES, NAMES, st.booleans())
def test_every_label_can_be_asked_for(name: str, label: str, metadata: bool) -> None:
    end = "/metadata" if metadata else ""
    call = parse_path("GET", f"/v1/models/{quote(name, safe='')}/labels/{quote(label, safe='')}{end}")
    assert (call.verb, call.spec) == ("metadata" if metadata else "status", spec(name, label=label))


@given(st.sampled_from(["GET", "POST", "PUT", "HEAD", "PATCH"]), st.text(max_size=60))
def test_whatever_comes_is_a_call_or_refused(method: str, path: str) -> None:
    try:
        parse_path(method, f"/v1/{path}")
    except RefusalError as refusal:
        assert refusal.code == Code.INVALID_ARGUMENT


def test_the_case_of_the_fixed_parts_does_not_matter_but_that_of_names_does() -> None:
    call = parse_path("POST", "/V1/Models/LFSR/Versions/3:PREDICT")
    assert (call.verb, call.spec) == ("predict", spec("LFSR", 3))


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/v1/models", "Missing model name in request."),
        ("GET", "/v1/models/metadata/metadata/metadata", "Malformed request: GET /v1/models/metadata/"),
        ("GET", "/v1/models/lfsr:predict", "Malformed request: GET /v1/models/lfsr:predict"),
        ("POST", "/v1/models/lfsr", "Malformed request: POST /v1/models/lfsr"),
        ("POST", "/v1/models/lfsr:explain", "Malformed request: POST /v1/models/lfsr:explain"),
        ("PUT", "/v1/models/lfsr:predict", "Malformed request: PUT /v1/models/lfsr:predict"),
        ("GET", "/v1/models/lfsr/versions/1/labels/a", "Malformed request: "),
        ("GET", "/v1/models/lfsr/versions/-1", "Malformed request: "),
        ("GET", "/v1/models/lfsr/versions/\u0663", "Malformed request: "),
        ("GET", f"/v1/models/lfsr/versions/{2**63}", f"Failed to convert version: {2**63} to numeric."),
        ("GET", f"/v1/models/lfsr/versions/{'9' * 5000}", "Failed to convert version: 9999"),
    ],
)
def test_what_is_no_call_is_refused(method: str, path: str, message: str) -> None:
    with pytest.raises(RefusalError) as refusal:
        parse_path(method, path)
    assert refusal.value.code == Code.INVALID_ARGUMENT
    assert refusal.value.message.startswith(message)
