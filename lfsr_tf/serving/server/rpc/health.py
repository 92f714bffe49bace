"""Health of the services, in the protocol of gRPC (grpc.health.v1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc_health.v1 import health, health_pb2

SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
"""That have a health; "" is the server as a whole."""


class Health(health.HealthServicer):
    """gRPC's own, which would keep the name of everything that was ever watched."""

    def tell(self, status: int) -> None:
        """Set the status of every service."""
        for name in SERVICES:
            self.set(name, status)

    def Watch(  # noqa: N802
        self, request: Any, context: Any, send_response_callback: Callable[[Any], None] | None = None
    ) -> Any:
        """Tell the status, now and whenever it changes; of a service that is not known it never does."""
        if request.service in SERVICES or send_response_callback is None:
            return super().Watch(request, context, send_response_callback)
        send_response_callback(
            health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        )
        return None
