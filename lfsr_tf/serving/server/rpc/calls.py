"""What every call has in common: what cannot be read is refused, and the end of the server waits for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)

_UNREADABLE = object()


class Calls(grpc.ServerInterceptor):
    """Counts the calls under way; streams, which watch the health until they are cut, are not among them."""

    def __init__(self) -> None:
        self._under_way = 0
        self._changed = threading.Condition()

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        """Wrap the method that a call is for."""
        handler = continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            self._counted(details.method, handler.unary_unary),
            request_deserializer=_reader(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    def wait(self, seconds: float) -> None:
        """Wait for the calls under way to end, their answers sent."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way == 0, seconds)

    def _counted(self, name: str, method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def answer(request: Any, context: Any) -> Any:
            self._count(1)
            if not context.add_callback(lambda: self._count(-1)):
                self._count(-1)
            if request is _UNREADABLE:
                logger.info("GRPC %s refused: INVALID_ARGUMENT: not a message of this call", name)
                context.abort(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"Expected a message of {name}. Received: something else.",
                )
            return method(request, context)

        return answer

    def _count(self, change: int) -> None:
        with self._changed:
            self._under_way += change
            self._changed.notify_all()


def _reader(deserializer: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Where it fails, gRPC would call that an error of the server."""

    def read(message: bytes) -> Any:
        try:
            return deserializer(message)
        except DecodeError:
            return _UNREADABLE

    return read
