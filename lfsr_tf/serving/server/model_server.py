"""The server as a whole: models, gRPC, REST, and the order in which they start and end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType

from starlette.routing import BaseRoute

from lfsr_tf.serving.server.gate import Gate
from lfsr_tf.serving.server.models.store import ModelStore
from lfsr_tf.serving.server.open_files import connections_within
from lfsr_tf.serving.server.options import ServerOptions
from lfsr_tf.serving.server.rest.app import build_app
from lfsr_tf.serving.server.rest.http_server import HttpServer
from lfsr_tf.serving.server.rpc.grpc_server import GrpcServer
from lfsr_tf.serving.server.service import ModelService

# Beyond the limit for requests: for what follows once they are cut.
_SPARE_SECONDS = 1.0


class ModelServer:
    """Serves models from `start` to `stop`, or for a `with` block.

    Attributes:
        options: As given.
        service: The models behind both ports.
        grpc_port: The port that was opened.
        rest_port: The port that was opened.
    """

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        running = options.limits.running
        self._store = ModelStore(options.models, options.poll_seconds, running)
        gate = Gate(running, options.limits.waiting)
        self.service = ModelService(self._store, gate)
        self._grpc: GrpcServer | None = None
        self._rest: HttpServer | None = None
        self.grpc_port, self.rest_port = options.grpc_port, options.rest_port

    def start(self, pages: Sequence[BaseRoute] = ()) -> None:
        """Load and warm up the models, then open the ports: whoever can connect is answered.

        Args:
            pages: Routes beside the API's.

        Raises:
            ModelError: A model has no version that can be served.
            LfsrError: A port is taken.
        """
        given = self.options.limits
        limits = replace(given, connections=connections_within(given.connections, ports=2))
        self._grpc = GrpcServer(self.service, limits)
        self._rest = HttpServer(build_app(self.service, self.options, pages), limits)
        try:
            self._store.start()
            self.rest_port = self._rest.start(self.options.host, self.options.rest_port)
            self.grpc_port = self._grpc.start(self.options.host, self.options.grpc_port)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Refuse new requests, finish those under way, and give the models back.

        What does not end within `Limits.shutdown_seconds` is left behind in its thread.
        """
        seconds = self.options.limits.shutdown_seconds
        end = time.monotonic() + seconds + _SPARE_SECONDS
        self._store.stop_loading()
        if self._grpc is not None:
            self._grpc.stop(seconds)
        if self._rest is not None:
            self._rest.stop(max(0.0, end - time.monotonic()))
        if self._grpc is not None:
            self._grpc.wait(seconds)
        self._store.close(max(0.0, end - time.monotonic()))

    def __enter__(self) -> ModelServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
