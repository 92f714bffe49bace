"""Options are checked before anything is started, and each mistake is one sentence."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from lfsr_tf.errors import ConfigError
from lfsr_tf.serving.server.options import Limits, ModelSource, ServerOptions, VersionPolicy

VERSIONS = st.lists(st.integers(0, 10_000), unique=True)
MODEL = ModelSource("lfsr", Path("models/lfsr"))


@given(VERSIONS, st.integers(1, 5))
def test_latest_are_the_largest_numbers(available: list[int], count: int) -> None:
    wanted = VersionPolicy("latest", newest=count).wanted(available)
    assert len(wanted) == min(count, len(available))
    left = set(available) - set(wanted)
    assert all(number > other for number in wanted for other in left)


@given(VERSIONS)
def test_all_are_all_the_newest_first(available: list[int]) -> None:
    assert VersionPolicy("all").wanted(available) == sorted(available, reverse=True)


@given(VERSIONS, VERSIONS)
def test_specific_are_those_that_are_named_and_there(available: list[int], named: list[int]) -> None:
    wanted = VersionPolicy("specific", named=named).wanted(available)
    assert wanted == sorted(set(available) & set(named), reverse=True)


@pytest.mark.parametrize("name", list(vars(Limits())))
def test_a_limit_that_refuses_everything_is_no_limit(name: str) -> None:
    with pytest.raises(ConfigError, match=f"Expected {name} of .* or more. Received: -1"):
        Limits(**{name: -1})
    if name != "waiting":  # nobody may wait is a choice
        with pytest.raises(ConfigError, match=name):
            Limits(**{name: 0})


def test_numbers_of_requests_are_whole() -> None:
    with pytest.raises(ConfigError, match=r"running to be a whole number\. Received: 1\.5"):
        Limits(running=1.5)  # type: ignore[arg-type]


def test_a_time_is_a_number() -> None:
    with pytest.raises(ConfigError, match=r"rest_seconds to be a finite number\. Received: nan"):
        Limits(rest_seconds=float("nan"))


def test_a_request_is_no_larger_than_grpc_can_take() -> None:
    assert Limits(request_bytes=2**31 - 1).request_bytes == 2**31 - 1
    with pytest.raises(ConfigError, match="request_bytes of at most 2147483647, gRPC's limit"):
        Limits(request_bytes=2**31)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": "localhost"}, "Expected --host to be an IP address. Received: 'localhost'."),
        ({"allowed_hosts": ("http://a.b",)}, "--allowed-host to be a name in lower case, or an address"),
        ({"allowed_hosts": ("a.b:8501",)}, "scheme and port. Received: 'a.b:8501'."),
        ({"allowed_hosts": ("A.b",)}, "a name in lower case"),
        ({"allowed_hosts": ("*.b",)}, "a name in lower case"),
        ({"allowed_hosts": ("",)}, "a name in lower case"),
        ({"allowed_hosts": ("[fd00::1]",)}, "an address in its short form, without brackets"),
        ({"allowed_hosts": ("fd00:0::1",)}, "an address in its short form"),
        ({"grpc_port": 65_536}, "Expected --port from 0 to 65535. Received: 65536."),
        ({"rest_port": -1}, "Expected --rest-api-port from 0 to 65535. Received: -1."),
        ({"grpc_port": 9000, "rest_port": 9000}, "Expected two ports. Received: 9000"),
        ({"poll_seconds": -1.0}, "Expected a time between two polls, or 0 for a single one"),
        ({"poll_seconds": float("nan")}, "Expected poll_seconds to be a finite number. Received: nan."),
        ({"poll_seconds": float("inf")}, "Expected poll_seconds to be a finite number. Received: inf."),
        ({"grpc_port": 8500.5}, "Expected grpc_port to be a whole number. Received: 8500.5."),
        ({"models": ()}, "Expected models of different names. Received: none."),
        ({"models": (MODEL, MODEL)}, "Expected models of different names. Received: lfsr, lfsr."),
    ],
)
def test_what_cannot_be_served_is_said_before_a_port_is_opened(changes: dict[str, Any], message: str) -> None:
    options = {"models": (MODEL,), **changes}
    with pytest.raises(ConfigError) as error:
        ServerOptions(**options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert ServerOptions((MODEL,), host=host).loopback is loopback


def test_both_ports_may_be_any_free_one() -> None:
    assert ServerOptions((MODEL,), grpc_port=0, rest_port=0).rest_port == 0
