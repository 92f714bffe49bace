"""Whose requests are answered: those of programs and of the server's own page, not those of other sites.

A browser sends requests for every page that it shows. It tells whether the page is of another site
(Sec-Fetch-Site, W3C Fetch Metadata), but only over TLS and on loopback; elsewhere it tells of which site the
page is (Origin, RFC 6454), where the request may change something. Of a site whose name was made to lead to
this machine (DNS rebinding) only Host tells.
"""

from __future__ import annotations

import ipaddress
import re

from starlette.datastructures import Headers

from lfsr_tf.serving.server.refusal import Code, RefusalError

_OWN_SITES = ("same-origin", "none")
_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?")
_MOST_SHOWN = 80


def check_caller(method: str, headers: Headers, *, loopback: bool) -> None:
    """Refuse the requests that a page of another site has a browser send, but for a link that is followed.

    Args:
        method: Of the request.
        headers: Of the request; programs send neither Sec-Fetch-Site nor Origin.
        loopback: Whether only this machine can reach the server, so that no other name leads to it.

    Raises:
        RefusalError: The request is one of those.
    """
    if _is_foreign(headers) and not _follows_link(method, headers):
        raise _forbidden("a call of a program or of this server's own page", "one of another site")
    for host in headers.getlist("host") if loopback else ():
        if not _is_loopback(host):
            raise _forbidden("localhost or a loopback address as Host", repr(host[:_MOST_SHOWN]))


def _is_foreign(headers: Headers) -> bool:
    """Whether a browser says that the page is of another site than this server's own."""
    if sites := headers.getlist("sec-fetch-site"):
        return any(site.lower() not in _OWN_SITES for site in sites)
    # Scheme, host and port; or "null", which is any page that hides where it is from.
    origins = {origin.partition("://")[2].lower() for origin in headers.getlist("origin")}
    hosts = {host.strip().lower() for host in headers.getlist("host")}
    return bool(origins) and (origins != hosts or "" in origins)


def _follows_link(method: str, headers: Headers) -> bool:
    """Whether somebody goes to a page of this server, which shows itself and gives the other site nothing."""
    how = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return method in ("GET", "HEAD") and how == ("navigate", "document")


def _forbidden(expected: str, received: str) -> RefusalError:
    message = f"Expected {expected}. Received: {received}."
    return RefusalError(Code.FAILED_PRECONDITION, message, http=403)


def _is_loopback(host: str) -> bool:
    found = _HOST.fullmatch(host.strip())
    name = (found[1] or found[2] or "") if found else ""
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
