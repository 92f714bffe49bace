"""The gRPC port: the services, health, and limits."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis.model_service_pb2_grpc import add_ModelServiceServicer_to_server
from tensorflow_serving.apis.prediction_service_pb2_grpc import add_PredictionServiceServicer_to_server

from lfsr_tf.errors import LfsrError
from lfsr_tf.serving.server.log_lines import in_one_line
from lfsr_tf.serving.server.options import Limits
from lfsr_tf.serving.server.rpc.calls import Calls
from lfsr_tf.serving.server.rpc.departure import Departure
from lfsr_tf.serving.server.rpc.health import Health
from lfsr_tf.serving.server.rpc.prediction import ModelStatusService, PredictionService
from lfsr_tf.serving.server.rpc.watch import Watch
from lfsr_tf.serving.server.service import ModelService


class GrpcServer:
    """Answers on one address from `start` to `stop`."""

    def __init__(self, service: ModelService, limits: Limits) -> None:
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="grpc")
        seconds = limits.body_seconds
        self._watch = Watch(min(1.0, seconds / 4))
        # One message that is as large as it may be fits in any case.
        most_bytes = max(limits.buffered_bytes, limits.request_bytes)
        self._calls = Calls(self._watch, seconds, most_bytes)
        self._server = grpc.server(
            self._pool,
            interceptors=[self._calls],
            options=_options(limits),
            maximum_concurrent_rpcs=2 * limits.threads,
        )
        self._health = Health()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        departure = Departure(self._watch, seconds, limits.buffered_bytes)
        prediction = PredictionService(service, limits, departure)
        add_PredictionServiceServicer_to_server(prediction, self._server)
        add_ModelServiceServicer_to_server(ModelStatusService(service), self._server)
        # The logger itself: filters of a logger above it do not see its records.
        logging.getLogger("grpc._server").addFilter(in_one_line)

    def start(self, host: str, port: int) -> int:
        """Open the port, and call the services healthy.

        Returns:
            The port, where 0 was asked for.

        Raises:
            LfsrError: The port is taken.
        """
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise LfsrError(
                f"Cannot listen on {address} for gRPC: is it taken? Choose another --port."
            ) from error
        self._watch.start()
        self._server.start()
        self._health.tell(health_pb2.HealthCheckResponse.SERVING)
        return port

    def stop(self, seconds: float) -> None:
        """Take no more requests, and tell those who watch the health to send them elsewhere.

        Args:
            seconds: Longest that requests under way may take.
        """
        self._health.tell(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._server.stop(seconds)

    def wait(self, seconds: float) -> None:
        """Wait, after `stop`, for the requests under way to end, and cut those that do not.

        Args:
            seconds: Longest to wait.
        """
        self._calls.wait(seconds)
        # Cuts the streams that watch the health, too.
        self._server.stop(None).wait()
        self._watch.stop()
        self._pool.shutdown(wait=False)


def _options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.request_bytes),
        ("grpc.max_send_message_length", -1),
        # A second server on the port fails instead of sharing it.
        ("grpc.so_reuseport", 0),
        ("grpc.server_handshake_timeout_ms", int(1000 * limits.header_seconds)),
        ("grpc.max_allowed_incoming_connections", limits.connections),
        # Its client connects anew with its next call.
        ("grpc.max_connection_idle_ms", max(1, int(1000 * limits.idle_seconds))),
        # Of one connection, whose calls then never take every thread; its client lets the others wait.
        ("grpc.max_concurrent_streams", max(2, limits.threads // 2)),
    ]
