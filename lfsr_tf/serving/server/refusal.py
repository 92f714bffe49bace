"""Requests that are not answered: a status code and one sentence, as TensorFlow Serving gives them."""

from __future__ import annotations

import enum

from lfsr_tf.errors import printable_line


class Code(enum.IntEnum):
    """Status codes of gRPC, which TensorFlow shares (google/rpc/code.proto)."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14

    @property
    def http(self) -> int:
        """The status of the same refusal over REST (TensorFlow Serving's http_rest_api_util.cc)."""
        return _HTTP[self]


_HTTP = {
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.NOT_FOUND: 404,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.DEADLINE_EXCEEDED: 504,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.INTERNAL: 500,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
}


# Clients of gRPC take 8 kB of what follows an answer, where a byte that is not ASCII needs three.
_MOST_BYTES = 2000


class RefusalError(Exception):
    """A request is refused.

    Attributes:
        code: Why, for machines.
        message: Why, for people; cut, since a client's words may be in it.
        http: Status over REST, where it is not the code's.
    """

    def __init__(self, code: Code, message: str, http: int | None = None) -> None:
        message = _cut(message)
        super().__init__(message)
        self.code, self.message, self.http = code, message, http or code.http

    @property
    def line(self) -> str:
        """For a log."""
        return f"{self.code.name}: {one_line(self.message)}"


def one_line(text: str) -> str:
    """A text for a log, cut: a client's words may be in it."""
    return printable_line(_cut(text))


def _cut(text: str) -> str:
    encoded = text.encode("utf-8", errors="replace")
    return text if len(encoded) <= _MOST_BYTES else f"{encoded[:_MOST_BYTES].decode(errors='ignore')}..."


def invalid(message: str) -> RefusalError:
    """The request itself is wrong."""
    return RefusalError(Code.INVALID_ARGUMENT, message)


def client_gone() -> RefusalError:
    """Nobody waits for the answer any more."""
    return RefusalError(Code.CANCELLED, "The client has gone.")


def too_large(received: int, most: int) -> RefusalError:
    """A request, or a tensor of it, has more bytes than the server takes."""
    return RefusalError(
        Code.RESOURCE_EXHAUSTED,
        f"Expected a request of at most {most} bytes. Received: {received} or more. "
        "Send fewer images at once.",
        http=413,
    )
