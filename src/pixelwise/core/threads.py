"""Work on many items in threads, results in order, with a bounded look-ahead."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from pixelwise.core.types import is_whole

MOST_THREADS = 1024

Item = TypeVar("Item")
Result = TypeVar("Result")


_share: list[int] = []


def processors() -> int:
    """The processors this process may run on, or those of its share."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(there, *_share) if _share else there


def share_processors(count: int) -> None:
    """From now on, let this process use at most `count` processors; other processes of its machine use the
    rest."""
    _share[:] = [count]


def thread_count(threads: int | None) -> int:
    """The number of threads to use: `threads`, but at most the number of processors; None: all of them.

    More threads than processors only cost memory. Raises ValueError unless `threads` is a whole number from
    1 to 1024.
    """
    if threads is None:
        return processors()
    if not is_whole(threads) or not 1 <= threads <= MOST_THREADS:
        raise ValueError(
            f"threads must be a whole number from 1 to {MOST_THREADS}, or None for all processors, "
            f"got {threads!r}"
        )
    return min(int(threads), processors())


def expect_workers(workers: object) -> None:
    """Raise ValueError unless it is a number of threads that work on items."""
    if not is_whole(workers) or workers < 1:
        raise ValueError(f"workers must be a whole number, at least 1, got {workers!r}")


def worker_count(workers: int | None, threads: int) -> int:
    """How many threads should work on items, of which each is computed by `threads` more: as asked for, at
    most twice the processors; None: enough to keep all processors busy, at least two.
    """
    if workers is None:
        return min(max(2, -(-processors() // threads)), 2 * processors())
    expect_workers(workers)
    return min(int(workers), 2 * processors())


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result, None, None]:
    """Yield function(item) for every item, in order, computed by `workers` threads.

    At most two items per worker are taken from `items` before the oldest result is fetched, so that an
    endless iterable and a slow reader need bounded memory. An exception of `function` is raised when its
    item's turn comes, and one of `items` after the results of the items before it. If the reader stops early,
    started items are finished and the rest are dropped.
    """
    expect_workers(workers)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pixelwise")
    pending: deque[Future[Result]] = deque()
    source, fault = iter(items), None
    try:
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except Exception as problem:
                fault = problem
                break
            pending.append(pool.submit(function, item))
            if len(pending) >= 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
        if fault is not None:
            raise fault
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def spin_briefly() -> None:
    """Let torch's threads sleep soon if they have nothing to do, in this process and those it starts.

    The threads of GNU's OpenMP by default keep a processor busy for milliseconds, which compiled layers need.
    It counts turns of a loop, and reads the value when torch is loaded: a later call has no effect. A value
    that the user has set is kept.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
