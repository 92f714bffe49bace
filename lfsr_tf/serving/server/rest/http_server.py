"""The REST port: uvicorn in a thread of its own, with limits."""

from __future__ import annotations

import socket
import threading
import time

import uvicorn
from starlette.applications import Starlette

from lfsr_tf.errors import LfsrError
from lfsr_tf.serving.server.options import Limits
from lfsr_tf.serving.server.rest.connection import timed_protocol

_BACKLOG, _TICK_SECONDS = 128, 0.01


class HttpServer:
    """Answers on one address from `start` to `stop`."""

    def __init__(self, app: Starlette, limits: Limits) -> None:
        config = uvicorn.Config(
            app,
            http=timed_protocol(limits),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=max(1, round(limits.idle_seconds)),
            timeout_graceful_shutdown=max(1, round(limits.shutdown_seconds)),
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def start(self, host: str, port: int) -> int:
        """Open the port.

        Returns:
            The port, where 0 was asked for.

        Raises:
            LfsrError: The port is taken.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio sends answers without delay (TCP_NODELAY) only where the protocol is named.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise LfsrError(
                f"Cannot listen on {host}:{port} for REST: {error.strerror}. Choose another --rest-api-port."
            ) from error
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="rest", daemon=True
        )
        # Whoever stops the server finds it started.
        port = int(listener.getsockname()[1])
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(_TICK_SECONDS)
        return port

    def stop(self, seconds: float | None = None) -> None:
        """Take no more requests, and wait for those under way, but no longer than so many seconds."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(seconds)
