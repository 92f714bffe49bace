"""The REST API's routes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from lfsr_tf.serving.server.gate import ByteBudget
from lfsr_tf.serving.server.options import ServerOptions
from lfsr_tf.serving.server.refusal import RefusalError
from lfsr_tf.serving.server.rest import json_response
from lfsr_tf.serving.server.rest.body import received
from lfsr_tf.serving.server.rest.describe import metadata_json, refuse_examples, status_json
from lfsr_tf.serving.server.rest.formats import FORMATS, JSON, Call, format_of
from lfsr_tf.serving.server.rest.paths import RestCall, parse_path
from lfsr_tf.serving.server.service import ModelService

Result = TypeVar("Result")
_API = {"predict": "Predict", "classify": "Classify", "regress": "Regress"}
_DESCRIBE = {"status": status_json, "metadata": metadata_json}
# As in gRPC: calls that need no turn are answered under load, too.
_SPARE_THREADS = 8


def build_app(service: ModelService, options: ServerOptions, pages: Sequence[BaseRoute] = ()) -> Starlette:
    """The REST API, the metrics, and other pages.

    Args:
        service: With the models.
        options: Limits, and the path of the metrics.
        pages: Routes beside the API's.
    """
    api = _Api(service, options)

    async def metrics(request: Request) -> Response:
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4")

    routes = [Route(options.metrics_path, metrics, methods=["GET"]), *pages]
    return Starlette(
        # Every method: what is no request of the API is refused in the API's form.
        routes=[*routes, Route("/v1/{rest:path}", api, include_in_schema=False)],
        exception_handlers={HTTPException: _not_found},
    )


class _Api:
    """An ASGI application, so that Starlette passes on every method."""

    def __init__(self, service: ModelService, options: ServerOptions) -> None:
        limits = options.limits
        self._service, self._limits = service, limits
        self._budget = ByteBudget(limits.buffered_bytes)
        self._threads = limits.running + limits.waiting + _SPARE_THREADS
        self._limiter: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except RefusalError as refusal:
            response = refused(refusal)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        call = parse_path(request.method, request.scope["raw_path"].decode("ascii", errors="replace"))
        if call.verb in _DESCRIBE:
            api = "GetModelMetadata" if call.verb == "metadata" else "GetModelStatus"
            found = await self._in_thread(call, api, lambda: _DESCRIBE[call.verb](self._service, call.spec))
            return Response(found, media_type=JSON)
        async with received(request, self._limits, self._budget) as body:
            if call.verb != "predict":
                found = await self._in_thread(
                    call,
                    _API[call.verb],
                    lambda: refuse_examples(self._service, call.spec, call.verb, body),
                )
                return Response(found, media_type=JSON)
            form = format_of(request.headers.get("content-type", JSON))
            return Response(await self._predict(request, call, form, body), media_type=form)

    async def _predict(self, request: Request, call: RestCall, form: str, body: bytes) -> bytes:
        gone = threading.Event()
        watcher = asyncio.create_task(_watch(request, gone))
        limits = self._limits
        try:
            given = Call(
                call.spec, body, limits.rest_seconds, limits.request_bytes, lambda: not gone.is_set()
            )
            return await self._in_thread(call, "Predict", lambda: FORMATS[form](self._service, given))
        finally:
            watcher.cancel()

    async def _in_thread(self, call: RestCall, api: str, work: Callable[[], Result]) -> Result:
        def counted() -> Result:
            with self._service.counted(call.spec.name, api, "REST"):
                return work()

        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._threads)
        return await anyio.to_thread.run_sync(counted, limiter=self._limiter)


def refused(refusal: RefusalError) -> Response:
    """A refusal as TensorFlow Serving writes it; a body that was not read to its end ends the connection."""
    headers = {"connection": "close"} if refusal.http in (408, 413) else None
    return Response(json_response.refused(refusal.message), refusal.http, headers, media_type=JSON)


async def _watch(request: Request, gone: threading.Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _not_found(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = f"Expected a path of this server. Received: {request.url.path}."
    return Response(json_response.refused(message), status, media_type=JSON)
