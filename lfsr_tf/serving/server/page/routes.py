"""The page's routes: its three files, and what its script calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lfsr_tf import __version__
from lfsr_tf.errors import LfsrError, OutputError
from lfsr_tf.inference.enhance import Enhanced
from lfsr_tf.scans import Scan
from lfsr_tf.serving.server.caller import Caller
from lfsr_tf.serving.server.gate import Gate
from lfsr_tf.serving.server.options import ServerOptions
from lfsr_tf.serving.server.page.answer import answer
from lfsr_tf.serving.server.page.progress import Progress
from lfsr_tf.serving.server.page.scratch import ScratchFolder
from lfsr_tf.serving.server.page.upload import MOST_PIXELS, MOST_SLICES, opened, suffix_of
from lfsr_tf.serving.server.refusal import Code, RefusalError, invalid
from lfsr_tf.serving.server.rest.app import refused
from lfsr_tf.serving.server.rest.body import Body, BodyReader
from lfsr_tf.serving.server.rest.formats import JSON
from lfsr_tf.serving.server.rest.workers import Workers
from lfsr_tf.serving.server.service import ModelService

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_TYPES = {"page.js": "text/javascript", "page.css": "text/css"}
_WAITING, _LONGEST_WAIT_SECONDS = 4, 300.0
"""One scan at a time, since each takes all cores; this many may wait for it, this long."""

Endpoint = Callable[[Request], Awaitable[Response]]


class ScanEnhancer(Protocol):
    """What enhances a scan, as `lfsr_tf.inference.Enhancer` does."""

    def __call__(self, scan: Scan, advance: Callable[[int], None], /) -> Enhanced:
        """Enhance one volume, and tell `advance` the number of slices that were finished.

        Raises:
            LfsrError: One sentence for the user.
            RefusalError: Of the server behind it; or of `advance`, when nobody waits for the result.
        """


def page_routes(
    service: ModelService, options: ServerOptions, enhancer: ScanEnhancer, scratch: Path | None = None
) -> list[Route]:
    """The page at `/`, its files, and its calls.

    Args:
        service: Counts the page's calls among those of its models.
        options: Limits of a request.
        enhancer: The model behind the page; called by one thread at a time.
        scratch: Where files are kept while they are worked on; None for the system's place for such. Whoever
            removes it when the server has ended leaves none behind, even if one is worked on then.

    Raises:
        OSError: `scratch` is not there.
    """
    page = _Page(service, options, enhancer, scratch)
    limits = {"most_bytes": options.limits.request_bytes, "most_slices": MOST_SLICES}
    html = Template(_packaged("index.html").decode("utf-8")).substitute(
        limits,
        version=__version__,
        most_megabytes=options.limits.request_bytes >> 20,
        most_megapixels=f"{MOST_PIXELS / 1e6:.1f}",
    )
    return [
        Route("/", _fixed(html.encode("utf-8"), "text/html"), methods=["GET"]),
        *(
            Route(f"/page/{name}", _fixed(_packaged(name), media), methods=["GET"])
            for name, media in _TYPES.items()
        ),
        Route("/page/enhance", page.enhance, methods=["POST"]),
        Route("/page/progress", page.progress, methods=["GET"]),
    ]


def _packaged(name: str) -> bytes:
    return resources.files(__package__).joinpath(name).read_bytes()


def _fixed(content: bytes, media_type: str) -> Endpoint:
    async def give(request: Request) -> Response:
        return Response(content, headers=HEADERS, media_type=media_type)

    return give


class _Page:
    """What the page's script calls."""

    def __init__(
        self, service: ModelService, options: ServerOptions, enhancer: ScanEnhancer, scratch: Path | None
    ) -> None:
        self._service, self._enhancer = service, enhancer
        self._scratch = None if scratch is None else ScratchFolder(scratch)
        self._name = options.models[0].name
        self._gate, self._progress = Gate(1, _WAITING), Progress()
        files = (1 + _WAITING) * options.limits.request_bytes
        self._bodies = BodyReader(replace(options.limits, buffered_bytes=files))
        self._workers = Workers(2 + _WAITING)

    async def progress(self, request: Request) -> Response:
        """Slices done and in all of the request with the same `key`."""
        done, slices = self._progress.found(request.query_params.get("key", ""))
        return Response(orjson.dumps({"done": done, "slices": slices}), headers=HEADERS, media_type=JSON)

    async def enhance(self, request: Request) -> Response:
        """Enhance the file in the body, whose name is `name`."""
        try:
            with self._service.counted(self._name, "Enhance", "REST") as restart:
                async with self._bodies.received(request) as body:
                    restart()
                    response = Response(await self._enhanced(request, body), media_type=JSON)
        except RefusalError as refusal:
            response = refused(refusal)
        response.headers.update(HEADERS)
        return response

    async def _enhanced(self, request: Request, body: Body) -> bytes:
        name, key = (request.query_params.get(field, "") for field in ("name", "key"))
        return await self._workers.run_for(request, lambda caller: self._in_turn(name, key, body, caller))

    def _in_turn(self, name: str, key: str, body: Body, caller: Caller) -> bytes:
        try:
            # What can be refused at once does not wait for its turn.
            suffix_of(name, body)
            # Whoever has left may have done so with the server, and its folder for files.
            with self._gate.turn(_LONGEST_WAIT_SECONDS, caller):
                return orjson.dumps(self._document(name, key, body, caller))
        except LfsrError as error:
            raise _refusal(error) from error

    def _document(self, name: str, key: str, body: Body, caller: Caller) -> dict[str, Any]:
        with opened(name, body, self._scratch) as upload:
            count = len(upload.scan.slices())
            with self._progress.of(key, count, caller) as advance:
                advance(0)
                return answer(upload, self._enhancer(upload.scan, advance))


def _refusal(error: LfsrError) -> RefusalError:
    """The fault is the file's, unless the server refused, or cannot write.

    Args:
        error: One sentence for the user.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RefusalError):
            return RefusalError(cause.code, str(error), cause.http)
        cause = cause.__cause__
    return RefusalError(Code.INTERNAL, str(error)) if isinstance(error, OutputError) else invalid(str(error))
