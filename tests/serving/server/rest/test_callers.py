"""Only programs and the server's own page are answered; no other site's page has a browser make it work."""

import json
import logging
from dataclasses import replace

import anyio
import httpx
import pytest
from starlette.datastructures import Headers

from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.refusal import RefusalError
from lfsr_tf.serving.server.rest import callers
from lfsr_tf.serving.server.rest.app import build_app
from lfsr_tf.serving.server.rest.callers import check_caller

OWN_HOSTS = [
    "localhost",
    "LOCALHOST:8501",
    "127.0.0.1",
    "127.0.0.1:8501",
    "127.8.8.8:1",
    "[::1]",
    "[::1]:8501",
]
OTHER_HOSTS = [
    "evil.example",
    "evil.example:8501",
    "localhost.evil.example",
    "127.0.0.1.evil.example:8501",
    "evil.example:127.0.0.1",
    "localhost@evil.example",
    "192.168.1.2:8501",
    "0.0.0.0:8501",
    "[::2]:8501",
    "[::1",
    "::1",
    "",
]
BODY = json.dumps({"inputs": [[[[0.5]] * 8] * 8]})


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is that of no site here."""
    monkeypatch.setattr(callers, "_MACHINE", "scanner.hospital.example")


def allowed(
    *headers: tuple[str, str], loopback: bool = True, method: str = "POST", names: tuple[str, ...] = ()
) -> bool:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    try:
        check_caller(method, Headers(raw=raw), loopback=loopback, allowed=names)
    except RefusalError as refusal:
        assert refusal.http == 403
        return False
    return True


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_names_of_this_machine_are_hosts(host: str) -> None:
    assert allowed(("host", host))


def test_a_link_to_the_page_may_be_followed_but_no_form_sent() -> None:
    link = ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")
    assert allowed(*link, method="GET")
    assert not allowed(*link, method="POST")
    assert not allowed(*link[:2], ("sec-fetch-dest", "iframe"), method="GET")
    assert not allowed(*link, ("host", "evil.example"), method="GET")


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_other_names_are_hosts_only_of_servers_that_others_reach(host: str) -> None:
    assert not allowed(("host", host))
    assert not allowed(("host", "localhost"), ("host", host))
    assert allowed(("host", host), loopback=False)


def test_old_clients_need_not_name_a_host() -> None:
    assert allowed()


@pytest.mark.parametrize("loopback", [True, False])
@pytest.mark.parametrize(
    ("site", "own"),
    [("same-origin", True), ("none", True), ("same-site", False), ("cross-site", False), ("", False)],
)
def test_pages_of_other_sites_are_told_by_their_browser(site: str, own: bool, loopback: bool) -> None:
    assert allowed(("sec-fetch-site", site), loopback=loopback) is own


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://Scanner:8501", "scanner:8501", True),
        ("http://scanner.hospital.example.", "scanner.hospital.example.", True),
        ("https://10.0.0.7", "10.0.0.7", True),
        ("https://lfsr.example", "lfsr.example", True),
        ("http://[fd00::1]:8501", "[FD00::1]:8501", True),
        ("http://scanner", "scanner:8501", False),
        ("http://evil.example", "scanner:8501", False),
        ("http://scanner:8501.evil.example", "scanner:8501", False),
        ("null", "scanner:8501", False),
        ("null", "", False),
        ("", "", False),
        ("scanner:8501", "scanner:8501", False),
    ],
)
def test_where_browsers_tell_only_the_origin_it_must_be_the_host(origin: str, host: str, own: bool) -> None:
    headers = ("origin", origin), ("host", host)
    names = ("lfsr.example",)
    assert allowed(*headers, loopback=False, names=names) is own
    assert not allowed(*headers, ("origin", "http://evil.example"), loopback=False, names=names)
    # Which a browser says of a page without looking at Host.
    assert allowed(*headers, ("sec-fetch-site", "same-origin"), loopback=False, names=names) is bool(host)


BROWSER = [("origin", "http://{}"), ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none")]


@pytest.mark.parametrize(("header", "value"), BROWSER)
@pytest.mark.parametrize(
    "host", ["evil.example:8501", "scanner.evil.example", "localhost.evil.example", "[::1", ""]
)
def test_a_name_that_was_made_to_lead_here_is_refused_to_browsers_alone(
    header: str, value: str, host: str
) -> None:
    assert not allowed((header, value.format(host)), ("host", host), loopback=False)
    assert allowed(("host", host), loopback=False)


@pytest.mark.parametrize(("header", "value"), BROWSER)
@pytest.mark.parametrize(
    "host", ["10.0.0.7:8501", "[fd00::1]:8501", "127.0.0.1", "localhost:8501", "SCANNER"]
)
def test_browsers_may_use_addresses_and_the_name_of_the_machine(header: str, value: str, host: str) -> None:
    assert allowed((header, value.format(host)), ("host", host), loopback=False)


@pytest.mark.parametrize("loopback", [True, False])
def test_where_names_are_given_no_others_are_taken(loopback: bool) -> None:
    def taken(host: str, *headers: tuple[str, str]) -> bool:
        return allowed(("host", host), *headers, loopback=loopback, names=("lfsr.example", "svc.ns"))

    for host in (
        "lfsr.example",
        "LFSR.example:443",
        "lfsr.example.",
        "svc.ns:8501",
        "localhost",
        "127.0.0.1:1",
    ):
        assert taken(host)
    assert taken("lfsr.example", ("origin", "https://lfsr.example"), ("sec-fetch-site", "same-origin"))
    for host in ("evil.example", "a.lfsr.example", "lfsr.example.evil.example", "ns", ""):
        assert not taken(host)
    assert taken("10.0.0.7:8501") is not loopback


@pytest.mark.parametrize(
    ("name", "host"),
    [("10.0.0.7", "10.0.0.7:8501"), ("fd00::1", "[FD00::1]:8501"), ("fd00::1", "[fd00:0::1]")],
)
def test_an_address_that_is_given_is_taken_on_loopback_too(name: str, host: str) -> None:
    assert allowed(("host", host), names=(name,))
    assert not allowed(("host", "10.0.0.8"), names=(name,))


@pytest.mark.parametrize(
    ("names", "headers", "status"),
    [
        ((), {}, 200),
        ((), {"origin": "http://evil.example:8501"}, 403),
        (("lfsr.example",), {}, 403),
        (("evil.example",), {"origin": "http://evil.example:8501"}, 200),
    ],
)
def test_a_server_that_others_reach_goes_by_the_names_that_it_was_given(
    names: tuple[str, ...], headers: dict[str, str], status: int, server: ModelServer
) -> None:
    app = build_app(server.service, replace(server.options, host="0.0.0.0", allowed_hosts=names))

    async def asked() -> int:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://evil.example:8501") as client:
            return (await client.get("/v1/models/lfsr", headers=headers)).status_code

    assert anyio.run(asked) == status


def test_a_name_that_is_refused_is_named_with_the_option() -> None:
    headers = Headers({"host": "evil.example", "origin": "http://evil.example"})
    with pytest.raises(RefusalError) as refusal:
        check_caller("POST", headers, loopback=False)
    assert refusal.value.message == (
        "Expected an address or a name of this server as Host. Received: 'evil.example'. Allow it by "
        "--allowed-host if it is this server's."
    )


def test_an_origin_on_loopback_must_be_the_host_too() -> None:
    assert allowed(("origin", "http://127.0.0.1:8501"), ("host", "127.0.0.1:8501"))
    assert not allowed(("origin", "http://evil.example"), ("host", "127.0.0.1:8501"))
    assert not allowed(("origin", "http://127.0.0.1:8501"))


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"host": "evil.example:8501"}, {"origin": "null"}]
)
@pytest.mark.parametrize(
    "path", ["/v1/models/lfsr", "/v1/models/lfsr/metadata", "/monitoring/prometheus/metrics", "/page/enhance"]
)
def test_every_path_is_refused_to_other_sites(url: str, path: str, headers: dict[str, str]) -> None:
    answer = httpx.get(url + path, headers=headers)
    assert answer.status_code == 403
    assert list(answer.json()) == ["error"]


def test_a_form_of_another_site_does_not_reach_the_model(
    server: ModelServer, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def asked() -> str:
        page = httpx.get(f"{url}/monitoring/prometheus/metrics").text
        return "\n".join(line for line in page.splitlines() if "request_count" in line)

    caplog.set_level(logging.INFO, "lfsr_tf")
    before, predict = asked(), f"{url}/v1/models/lfsr:predict"
    headers = {"content-type": "text/plain", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    answer = httpx.post(predict, content=BODY, headers=headers)
    assert (answer.status_code, asked()) == (403, before)
    assert "another site" in answer.json()["error"]
    assert [record.message for record in caplog.records if "another site" in record.message]
    assert httpx.post(predict, content=BODY, headers={**headers, "sec-fetch-site": "none"}).status_code == 200


def test_who_waits_for_leave_to_send_a_body_is_not_waited_for(url: str) -> None:
    answer = httpx.get(url, headers={"expect": "100-continue", "sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.headers["connection"]) == (403, "close")
