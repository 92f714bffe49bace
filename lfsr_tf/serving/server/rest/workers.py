"""Work that would hold up the event loop, in threads, and the word whether anybody still waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
from starlette.requests import Request

Result = TypeVar("Result")


class Workers:
    """Threads of one part of a server."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do some work beside the event loop."""
        if self._limiter is None:  # which belongs to the event loop
            self._limiter = anyio.CapacityLimiter(self._threads)
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)

    async def run_for(self, request: Request, work: Callable[[Callable[[], bool]], Result]) -> Result:
        """Do the work of a request whose body was received.

        Args:
            request: Of the client that waits for it.
            work: Is given a function that tells whether the client has gone.
        """
        gone = threading.Event()
        watcher = asyncio.create_task(_watch(request, gone))
        try:
            return await self.run(lambda: work(gone.is_set))
        finally:
            watcher.cancel()
            # The end of the server breaks this off, not the thread, which must find out by itself.
            gone.set()


async def _watch(request: Request, gone: threading.Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    gone.set()
