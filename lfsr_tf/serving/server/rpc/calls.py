"""What every call has in common: its message must come and be readable, and the server's end waits for it."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from lfsr_tf.serving.server.rpc.watch import Watch

logger = logging.getLogger(__name__)

_UNREADABLE = object()


class Calls(grpc.ServerInterceptor):
    """Counts the calls under way; streams, which watch the health until they are cut, are not among them."""

    def __init__(self, watch: Watch, seconds: float) -> None:
        """Set the limit.

        Args:
            watch: Cuts the calls whose message does not come.
            seconds: Longest that a message may take once a thread waits for it.
        """
        self._watch, self._seconds = watch, seconds
        self._under_way = 0
        self._changed = threading.Condition()

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        """Wrap the method that a call is for.

        It is called with an iterator of messages, which looks the same to clients, since gRPC leaves it to
        such a method how long to wait for one.
        """
        handler = continuation(details)
        if handler is None or handler.request_streaming:
            return handler
        if handler.unary_unary is not None:
            make, method = grpc.stream_unary_rpc_method_handler, self._counted(details, handler.unary_unary)
        else:
            make, method = grpc.stream_stream_rpc_method_handler, self._stream(details, handler.unary_stream)
        return make(
            method,
            request_deserializer=_reader(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    def wait(self, seconds: float) -> None:
        """Wait for the calls under way to end, their answers sent."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way == 0, seconds)

    def _counted(self, details: Any, method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def answer(requests: Iterator[Any], context: Any) -> Any:
            request = self._message(requests, context)
            self._count(1)
            if not context.add_callback(lambda: self._count(-1)):
                self._count(-1)
            return method(_readable(details.method, request, context), context)

        return answer

    def _stream(self, details: Any, method: Callable[..., Any]) -> Callable[..., Any]:
        # The attributes too: with them, the health service says that it needs no thread to watch.
        @functools.wraps(method)
        def answer(requests: Iterator[Any], context: Any, *send: Any) -> Any:
            request = self._message(requests, context)
            return method(_readable(details.method, request, context), context, *send)

        return answer

    def _message(self, messages: Iterator[Any], context: Any) -> Any:
        """The first message of a call; None where the client ended its side without one."""
        fault = f"sent no message within {self._seconds:g} seconds"
        key = self._watch.begin(self._seconds, context.cancel, fault)
        try:
            return next(messages, None)
        finally:
            self._watch.end(key)

    def _count(self, change: int) -> None:
        with self._changed:
            self._under_way += change
            self._changed.notify_all()


def _readable(name: str, request: Any, context: Any) -> Any:
    """The message, or the call's end where there is none, or one that cannot be read."""
    if request is None:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f'"{name}" requires exactly one request message.')
    if request is _UNREADABLE:
        logger.info("GRPC %s refused: INVALID_ARGUMENT: not a message of this call", name)
        context.abort(
            grpc.StatusCode.INVALID_ARGUMENT, f"Expected a message of {name}. Received: something else."
        )
    return request


def _reader(deserializer: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Where it fails, gRPC would call that an error of the server."""

    def read(message: bytes) -> Any:
        try:
            return deserializer(message)
        except DecodeError:
            return _UNREADABLE

    return read
