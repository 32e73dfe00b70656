"""A limit on the memory that all threads together use for pictures."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """Bytes that may be in use at a time. A thread that asks for more waits until others release theirs.

    A request above the whole budget waits until it is alone. A reservation inside another of the same
    thread is part of the outer one, so that threads never wait for each other in a circle.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._used = 0
        self._changed = threading.Condition()
        self._thread = threading.local()

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Hold `size` bytes of the budget while the block runs; nothing if that is 0."""
        if size == 0 or getattr(self._thread, "holds", False):
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + size <= self.total)
            self._used += size
        self._thread.holds = True
        try:
            yield
        finally:
            self._thread.holds = False
            with self._changed:
                self._used -= size
                self._changed.notify_all()


PICTURES = Budget(1_700_000_000)
"""Shared by all code that reads or writes pictures, so that the process stays below 2 GB."""
