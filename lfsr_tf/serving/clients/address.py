"""Where a model is served, as a user writes it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from lfsr_tf.errors import ConfigError
from lfsr_tf.serving.layout import DEFAULT_NAME, LARGEST_VERSION

_PORTS = {"grpc": 8500, "http": 8501, "https": 443}
_PATH = re.compile(
    r"/?|(?:/v1/models)?/(?P<name>[A-Za-z0-9._-]+)(?:/versions)?(?:/(?P<version>[0-9]{1,99}))?/?"
)


@dataclass(frozen=True)
class ServerAddress:
    """A model on a server.

    Attributes:
        protocol: gRPC, or REST with or without TLS.
        host: Name or address; IPv6 in brackets.
        port: Of the protocol.
        model: Name on the server.
        version: None for the newest.
    """

    protocol: Literal["grpc", "http", "https"]
    host: str
    port: int
    model: str = DEFAULT_NAME
    version: int | None = None

    @property
    def target(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether it is this machine, which is asked without a proxy."""
        host = self.host.strip("[]")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host.rstrip(".").split(".")[-1] == "localhost"
        address = getattr(address, "ipv4_mapped", None) or address
        # Systems take the address of all interfaces for the loopback's.
        return address.is_loopback or address.is_unspecified

    @property
    def url(self) -> str:
        """Of the model over REST."""
        version = "" if self.version is None else f"/versions/{self.version}"
        return f"{self.protocol}://{self.target}/v1/models/{self.model}{version}"


def parse_address(text: str) -> ServerAddress:
    """Read `grpc://HOST[:PORT][/MODEL[/VERSION]]` or `http[s]://HOST[:PORT][/v1/models/MODEL[/versions/N]]`.

    Raises:
        ConfigError: Anything else.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _no_address(text) from error
    path = _PATH.fullmatch(parts.path)
    if parts.scheme not in _PORTS or not parts.hostname or path is None or parts.query or parts.username:
        raise _no_address(text)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    version = None if path["version"] is None else int(path["version"])
    if version is not None and version > LARGEST_VERSION:
        raise ConfigError(f"Expected a version of at most {LARGEST_VERSION}. Received: {text!r}.")
    return ServerAddress(
        parts.scheme,  # type: ignore[arg-type]
        host,
        port or _PORTS[parts.scheme],
        path["name"] or DEFAULT_NAME,
        version,
    )


def _no_address(text: str) -> ConfigError:
    return ConfigError(
        "Expected a server like http://127.0.0.1:8501/v1/models/lfsr or grpc://127.0.0.1:8500/lfsr. "
        f"Received: {text!r}."
    )
