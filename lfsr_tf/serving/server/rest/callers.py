"""Whose requests are answered: those of programs and of the server's own page, not those of other sites.

A browser sends requests for every page that it shows. It tells whether the page is of another site
(Sec-Fetch-Site, W3C Fetch Metadata), but only over TLS and on loopback; elsewhere it tells of which site the
page is (Origin, RFC 6454), where the request may change something. Of a site whose name was made to lead to
this machine (DNS rebinding) only Host tells: such a site has a name, and not one of this server's.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection

from starlette.datastructures import Headers

from lfsr_tf.serving.server.refusal import Code, RefusalError

_OWN_SITES = ("same-origin", "none")
_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::[0-9]*)?")
_BROWSERS = {"origin", "sec-fetch-site"}
_MACHINE = socket.gethostname().lower()
_MOST_SHOWN = 80


def check_caller(method: str, headers: Headers, *, loopback: bool, allowed: Collection[str] = ()) -> None:
    """Refuse the requests that a page of another site has a browser send, but for a link that is followed.

    Programs reach a server by many names: of a service, of a proxy. So beyond loopback, where no names are
    given, Host is looked at only where a browser says that it sends the request.

    Args:
        method: Of the request.
        headers: Of the request; programs send neither Sec-Fetch-Site nor Origin.
        loopback: Whether only this machine can reach the server, so that no other name leads to it.
        allowed: Names and addresses of the server beside those that it knows, as in `ServerOptions`; then no
            others are taken.

    Raises:
        RefusalError: The request is one of those.
    """
    if _is_foreign(headers) and not _follows_link(method, headers):
        raise _forbidden("a call of a program or of this server's own page", "one of another site.")
    if not (loopback or allowed or _BROWSERS.intersection(headers.keys())):
        return
    for host in headers.getlist("host"):
        if not _is_own(host, loopback, allowed):
            known = "localhost or a loopback address" if loopback else "an address or a name of this server"
            shown = repr(host[:_MOST_SHOWN])
            raise _forbidden(
                f"{known} as Host", f"{shown}. Allow it by --allowed-host if it is this server's."
            )


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
    return RefusalError(Code.FAILED_PRECONDITION, f"Expected {expected}. Received: {received}", http=403)


def _is_own(host: str, loopback: bool, allowed: Collection[str]) -> bool:
    """Whether a Host can be no other site's: an address, or a name that leads here."""
    found = _HOST.fullmatch(host.strip())
    name = (found[1] or found[2] or "").lower().removesuffix(".") if found else ""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        machine = () if loopback else (_MACHINE, _MACHINE.partition(".")[0])
        return bool(name) and name in ("localhost", *machine, *allowed)
    return address.is_loopback or not loopback or str(address) in allowed
