"""Work that would hold up the event loop, in threads, and the word whether anybody still waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import anyio
from starlette.requests import Request

from lfsr_tf.serving.server.caller import Caller

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

    async def run_for(self, request: Request, work: Callable[[Caller], Result]) -> Result:
        """Do the work of a request whose body was received.

        Args:
            request: Of the client that waits for it.
            work: Is given the client, who leaves with the connection.
        """
        caller = Caller()
        watcher = asyncio.create_task(_watch(request, caller))
        try:
            return await self.run(lambda: work(caller))
        finally:
            watcher.cancel()
            # The end of the server breaks this off, not the thread, which must find out by itself.
            caller.leave()


async def _watch(request: Request, caller: Caller) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    caller.leave()
