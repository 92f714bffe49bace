"""Only programs and the server's own page are answered; no other site's page has a browser make it work."""

import json
import logging

import httpx
import pytest
from starlette.datastructures import Headers

from lfsr_tf.serving.server.model_server import ModelServer
from lfsr_tf.serving.server.refusal import RefusalError
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


def allowed(*headers: tuple[str, str], loopback: bool = True, method: str = "POST") -> bool:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    try:
        check_caller(method, Headers(raw=raw), loopback=loopback)
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
    assert allowed(*headers, loopback=False) is own
    assert not allowed(*headers, ("origin", "http://evil.example"), loopback=False)
    assert allowed(*headers, ("sec-fetch-site", "same-origin"), loopback=False)


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
