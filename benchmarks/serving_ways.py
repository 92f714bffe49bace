"""The ways to a served model, each under load for a while."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from processes import in_process
from serving_hey import drive_rest
from serving_model import NAME
from serving_processes import Child

GRPC, REST = "gRPC", "binary REST"
# Body and Content-Type of each.
WAYS = {
    GRPC: ("message", ""),
    REST: ("message", "application/x-protobuf"),
    "JSON": ("json", "application/json"),
    "PNG in JSON": ("png.json", "application/json"),
}


def drive_server(
    way: str, server: Child, folder: Path, batch: int, concurrency: int, seconds: float
) -> dict[str, Any]:
    """Load the server in one way.

    Args:
        way: Of `WAYS`.
        server: The server.
        folder: With the requests.
        batch: Slices in a request.
        concurrency: Requests under way at once.
        seconds: After these no request is begun.

    Returns:
        See `serving_load.summary`, with the processor time of the client and that of the server.
    """
    kind, content_type = WAYS[way]
    body = folder / "requests" / f"{batch}.{kind}"
    before = server.cpu_seconds()
    if way == GRPC:
        target = f"127.0.0.1:{server.ready['grpc_port']}"
        found = in_process(sys.executable, "serving_load.py", target, body, concurrency, seconds)
    else:
        url = f"http://127.0.0.1:{server.ready['rest_port']}/v1/models/{NAME}:predict"
        found = drive_rest(url, body, content_type, concurrency, seconds)
    return found | {"server_cpu_seconds": server.cpu_seconds() - before}
