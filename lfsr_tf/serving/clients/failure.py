"""Why a server gave no answer."""

from __future__ import annotations


class Failure(Exception):  # noqa: N818 - it is caught where it can be said which server it was
    """A request that was not answered.

    Attributes:
        code: gRPC's name of the status, or HTTP's number.
        message: The server's own words, or the system's.
        unreachable: Whether there was no server at all.
    """

    def __init__(self, code: str, message: str, *, unreachable: bool = False) -> None:
        super().__init__(message)
        self.code, self.message, self.unreachable = code, message, unreachable

    @property
    def busy(self) -> bool:
        """Whether the server has too much to do just now."""
        # gRPC gives a message that is too large, now and always, the same code.
        return self.code in ("RESOURCE_EXHAUSTED", "429") and "larger than max" not in self.message

    @property
    def missing(self) -> bool:
        """Whether the server has no such model, or not this version."""
        return self.code in ("NOT_FOUND", "404")
