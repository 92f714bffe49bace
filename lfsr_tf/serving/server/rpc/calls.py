"""What every call has in common: its message must come and be readable, and the server's end waits for it."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc

from lfsr_tf.serving.server.gate import ByteBudget
from lfsr_tf.serving.server.messages import SMALL, read_message
from lfsr_tf.serving.server.refusal import Code, RefusalError, invalid
from lfsr_tf.serving.server.rpc.status import refuse
from lfsr_tf.serving.server.rpc.watch import Watch

logger = logging.getLogger(__name__)

_PREDICT = "/tensorflow.serving.PredictionService/Predict"


class Calls(grpc.ServerInterceptor):
    """Reads the message of every call, within the limits, and counts the calls under way.

    Streams, which watch the health until they are cut, are not counted. A call without a message, or with one
    that is too large, cannot be read or finds no room, is refused before it reaches its service. Only Predict
    may have large ones; small ones need no room, so that states and health are told under load, too.
    """

    def __init__(self, watch: Watch, seconds: float, most_bytes: int) -> None:
        """Set the limits.

        Args:
            watch: Cuts the calls whose message does not come.
            seconds: Longest that a message may take once a thread waits for it.
            most_bytes: Of the messages of all calls together, as they came.
        """
        self._watch, self._seconds = watch, seconds
        self._budget = ByteBudget(most_bytes)
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
            make, method = grpc.stream_unary_rpc_method_handler, self._counted(details.method, handler)
        else:
            make, method = grpc.stream_stream_rpc_method_handler, self._stream(details.method, handler)
        # Read by the method: gRPC's own thread, which all calls share, would do so before there is a budget.
        return make(method, request_deserializer=None, response_serializer=handler.response_serializer)

    def wait(self, seconds: float) -> None:
        """Wait for the calls under way to end, their answers sent."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way == 0, seconds)

    def _counted(self, name: str, handler: Any) -> Callable[[Any, Any], Any]:
        def answer(requests: Iterator[bytes], context: Any) -> Any:
            wire = self._message(requests, context)
            self._count(1)
            if not context.add_callback(lambda: self._count(-1)):
                self._count(-1)
            with ExitStack() as held:
                with _refused_unread(name, context):
                    size = len(wire or b"")
                    held.enter_context(self._budget.held(size if size > SMALL else 0))
                    request = _read(name, handler, wire)
                    del wire  # a second copy of an image
                return handler.unary_unary(request, context)

        return answer

    def _stream(self, name: str, handler: Any) -> Callable[..., Any]:
        # The attributes too: with them, the health service says that it needs no thread to watch.
        @functools.wraps(handler.unary_stream)
        def answer(requests: Iterator[bytes], context: Any, *send: Any) -> Any:
            wire = self._message(requests, context)
            with _refused_unread(name, context):
                request = _read(name, handler, wire)
            return handler.unary_stream(request, context, *send)

        return answer

    def _message(self, messages: Iterator[bytes], context: Any) -> bytes | None:
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


def _read(name: str, handler: Any, wire: bytes | None) -> Any:
    """The message of a call, by the name of its method."""
    if wire is None:
        raise RefusalError(Code.UNIMPLEMENTED, f'"{name}" requires exactly one request message.')
    if len(wire) > SMALL and name != _PREDICT:
        # None that can be answered is so large, and reading one may take fifty times its bytes.
        raise invalid(
            f"Expected a message of {name} of at most {SMALL} bytes. Received: {len(wire)}. "
            "Send a smaller one."
        )
    return read_message(handler.request_deserializer, wire, f"message of {name}")


@contextmanager
def _refused_unread(name: str, context: Any) -> Iterator[None]:
    """End the call where the block refuses it."""
    try:
        yield
    except RefusalError as refusal:
        logger.info("GRPC %s refused: %s", name, refusal.line)
        refuse(context, refusal)
