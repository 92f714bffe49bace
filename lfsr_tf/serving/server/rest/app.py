"""The REST API's routes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.options import ServerOptions
from lfsr_tf.serving.server.refusal import Code, RefusalError
from lfsr_tf.serving.server.rest import json_response
from lfsr_tf.serving.server.rest.body import Body, BodyReader
from lfsr_tf.serving.server.rest.callers import check_caller
from lfsr_tf.serving.server.rest.describe import metadata_json, refuse_examples, status_json
from lfsr_tf.serving.server.rest.formats import FORMATS, JSON, Call, format_of
from lfsr_tf.serving.server.rest.paths import RestCall, parse_path
from lfsr_tf.serving.server.rest.workers import Workers
from lfsr_tf.serving.server.service import ModelService

logger = logging.getLogger(__name__)

_API = {
    "predict": "Predict",
    "classify": "Classify",
    "regress": "Regress",
    "status": "GetModelStatus",
    "metadata": "GetModelMetadata",
}
_DESCRIBE = {"status": status_json, "metadata": metadata_json}
_WRONG_METHOD, _TIMED_OUT = 405, 408


def build_app(service: ModelService, options: ServerOptions, pages: Sequence[BaseRoute] = ()) -> Starlette:
    """The REST API, the metrics, and other pages.

    Args:
        service: With the models.
        options: Limits, the path of the metrics, and by which names the server is reached.
        pages: Routes beside the API's.
    """
    api = _Api(service, options)

    async def metrics(request: Request) -> Response:
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4")

    routes = [Route(options.metrics_path, metrics, methods=["GET"]), *pages]
    app = Starlette(
        routes=[*routes, _ApiRoute(api)],
        middleware=[
            Middleware(_AnsweredAtTheEnd),
            Middleware(_CheckedCallers, options=options),
        ],
        exception_handlers={HTTPException: _no_route},
    )
    app.router.redirect_slashes = False
    return app


class _AnsweredAtTheEnd:
    """An ASGI application around all others, which answers what the end of the server breaks off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except asyncio.CancelledError:
            # Not raised on: uvicorn would log it with a traceback, and answer 500.
            if not begun:
                message = "The server ends before this request is answered. Send it again later."
                refusal = RefusalError(Code.UNAVAILABLE, message)
                logger.info("REST request refused: %s", refusal.line)
                await refused(refusal, close=True)(scope, receive, send)


class _CheckedCallers:
    """An ASGI application around all others, which refuses what other sites have browsers send."""

    def __init__(self, app: ASGIApp, options: ServerOptions) -> None:
        self._app, self._options = app, options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app, headers, options = self._app, Headers(scope=scope), self._options
        try:
            check_caller(scope["method"], headers, loopback=options.loopback, allowed=options.allowed_hosts)
        except RefusalError as refusal:
            logger.info("REST request refused: %s", refusal.line)
            app = refused(refusal, close="expect" in headers)
        await app(scope, receive, send)


class _ApiRoute(BaseRoute):
    """Every method and every path below `/v1/`, in any case and with any escapes.

    What is no request of the API is refused in the API's form.
    """

    def __init__(self, api: _Api) -> None:
        self._api = api

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Look at the path as it came: a name may have escapes that Starlette's patterns do not match."""
        found = scope["type"] == "http" and scope["raw_path"][:4].lower() == b"/v1/"
        return (Match.FULL if found else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        await self._api(scope, receive, send)


class _Api:
    """An ASGI application, so that Starlette passes on every method."""

    def __init__(self, service: ModelService, options: ServerOptions) -> None:
        limits = options.limits
        self._service, self._limits = service, limits
        self._bodies = BodyReader(limits)
        self._workers = Workers(limits.threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body_begun = False

        async def receive_body() -> Message:
            nonlocal body_begun
            body_begun = True
            return await receive()

        request = Request(scope, receive_body)
        try:
            response = await self._answer(request)
        except RefusalError as refusal:
            response = refused(refusal, close=not body_begun and "expect" in request.headers)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            call = parse_path(request.method, request.scope["raw_path"].decode("ascii", errors="replace"))
        except RefusalError as refusal:
            logger.info("REST request refused: %s", refusal.line)
            raise
        service, spec = self._service, call.spec
        with service.counted(spec.name, _API[call.verb], "REST") as restart:
            if call.verb in _DESCRIBE:
                found = await self._workers.run(lambda: _DESCRIBE[call.verb](service, spec))
                return Response(found, media_type=JSON)
            async with self._bodies.received(request) as body:
                restart()
                if call.verb == "predict":
                    form = format_of(request.headers.get("content-type", JSON))
                    return Response(await self._predict(request, call, form, body), media_type=form)
                wait = self._limits.rest_seconds
                found = await self._workers.run_for(
                    request, lambda caller: refuse_examples(service, spec, call.verb, body, wait, caller)
                )
                return Response(found, media_type=JSON)

    async def _predict(self, request: Request, call: RestCall, form: str, body: Body) -> bytes:
        limits = self._limits

        def predict(caller: Caller) -> bytes:
            given = Call(call.spec, body, limits.rest_seconds, limits.request_bytes, caller)
            return FORMATS[form](self._service, given)

        return await self._workers.run_for(request, predict)


def refused(refusal: RefusalError, *, close: bool = False) -> Response:
    """A refusal as TensorFlow Serving writes it.

    Args:
        refusal: Why.
        close: Whether to end the connection. Where a body is under way, `TimedProtocol` reads on for a while
            instead, since the client might lose the refusal otherwise; but a client that waits for leave to
            send its body may not send it any more.
    """
    headers = {"connection": "close"} if close or refusal.http == _TIMED_OUT else None
    return Response(json_response.refused(refusal.message), refusal.http, headers, media_type=JSON)


async def _no_route(request: Request, error: Exception) -> Response:
    """Refuse what is neither for the API nor for a page: another path, or another method than it has."""
    assert isinstance(error, HTTPException)
    # Not the request's URL, which is put together with a header that may be anything.
    headers, path = dict(error.headers or {}), request.scope["path"]
    code, message = Code.NOT_FOUND, f"Expected a path of this server. Received: {path}."
    if error.status_code == _WRONG_METHOD:
        # They come in any order.
        headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
        code = Code.UNIMPLEMENTED
        message = f"Expected {headers['Allow']} of {path}. Received: {request.method}."
    refusal = RefusalError(code, message, http=error.status_code)
    logger.info("REST request refused: %s", refusal.line)
    response = refused(refusal)
    response.headers.update(headers)
    return response
