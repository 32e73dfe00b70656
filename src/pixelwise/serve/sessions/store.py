"""The pictures that the page has open: a bounded number, each for a bounded time."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from pixelwise.serve.refusals import Refusal
from pixelwise.serve.sessions.crf_session import CRFSession


class SessionStore:
    """Sessions by names that cannot be guessed."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._open: OrderedDict[str, tuple[CRFSession, float]] = (
            OrderedDict()
        )  # the least recently used first
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            self._close_old()
            return len(self._open)

    def add(self, session: CRFSession) -> str:
        """Keep a session, for which the least recently used one may be closed. Returns its name."""
        name = secrets.token_urlsafe(18)
        with self._lock:
            self._close_old()
            while len(self._open) >= self._most:
                self._open.popitem(last=False)
            self._open[name] = session, self._clock()
        return name

    def get(self, name: str) -> CRFSession:
        """Raises Refusal 404 if there is none of that name any more."""
        with self._lock:
            self._close_old()
            if name not in self._open:
                raise Refusal(404, "this session has ended", "send the picture again")
            session, _ = self._open.pop(name)
            self._open[name] = session, self._clock()
        return session

    def close(self, name: str) -> None:
        """Forget a session, if there is one of that name."""
        with self._lock:
            self._open.pop(name, None)

    def _close_old(self) -> None:
        oldest = self._clock() - self._seconds
        while self._open and next(iter(self._open.values()))[1] < oldest:
            self._open.popitem(last=False)
