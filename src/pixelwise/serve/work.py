"""A bounded number of requests at a time, done by threads.

A request takes a place before its body is read, so the memory for bodies is bounded too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from pixelwise.serve.limits import Limits
from pixelwise.serve.refusals import Refusal, busy

Result = TypeVar("Result")


class Work:
    """Threads and places. Except for what the threads run, it belongs to one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._threads = ThreadPoolExecutor(limits.workers, "segment")
        self.taken = 0
        """Places that are taken now."""

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """A place for one request. Raises Refusal 429 if all are taken. It becomes free when the block and
        the job in it have ended."""
        if self.taken >= self._limits.places:
            raise busy(f"all {self._limits.places} places are taken")
        self.taken += 1
        place = Place(self._threads, self._limits.answer_seconds)
        try:
            yield place
        finally:
            place.leave(self._give_back)

    def _give_back(self) -> None:
        self.taken -= 1

    def close(self) -> None:
        """Wait for running jobs; drop the others."""
        self._threads.shutdown(cancel_futures=True)


class Place:
    """Where a request runs its job."""

    def __init__(self, threads: ThreadPoolExecutor, seconds: float) -> None:
        self._threads, self._seconds = threads, seconds
        self._job: Future[Any] | None = None

    async def run(self, job: Callable[[], Result], gone: Callable[[], Awaitable[None]]) -> Result:
        """The job's result. `gone` returns when the client has closed the connection.

        Raises Refusal 503 after answer_seconds, and 499 if the client is gone; a job that has not begun is
        then dropped.
        """
        submitted = self._threads.submit(job)
        self._job = submitted
        result = asyncio.wrap_future(submitted)
        result.add_done_callback(_seen)
        leaving = asyncio.ensure_future(gone())
        try:
            both: set[asyncio.Future[Any]] = {result, leaving}
            await asyncio.wait(both, timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED)
            if result.done():
                return result.result()
            if leaving.done():
                raise Refusal(499, "the client has closed the connection")
            raise busy(f"the answer was not ready within {self._seconds:g} seconds", 503)
        finally:
            submitted.cancel()
            leaving.cancel()
            with suppress(asyncio.CancelledError):
                await leaving

    def leave(self, give_back: Callable[[], None]) -> None:
        """Call `give_back` in this event loop when the job has ended, now if there is none."""
        if self._job is None or self._job.done():
            give_back()
            return
        loop = asyncio.get_running_loop()

        def ended(_: object) -> None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(give_back)

        self._job.add_done_callback(ended)


def _seen(result: "asyncio.Future[Any]") -> None:
    """Look at a fault that nobody waits for any more, or asyncio would report it."""
    if not result.cancelled():
        result.exception()
