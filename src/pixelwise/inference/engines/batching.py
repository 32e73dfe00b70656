"""Calls of an engine that come at the same time, scored as one batch.

While the engine is at work, further calls wait. The next batch takes those that have pictures of one size. So
batches grow with the load, and a single call never waits for others to come.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pixelwise.core.threads import processors
from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.engines.devices import device_of
from pixelwise.inference.engines.engine import Engine

MOST_TOGETHER = 8
MOST_PIXELS = MOST_TOGETHER * 512 * 512
"""Larger batches are split: they take memory and gain nothing."""


@runtime_checkable
class BatchEngine(Engine, Protocol):
    """An engine that scores several pictures of one size in one call."""

    def batch_scores(self, images: Sequence[RGBImage]) -> Sequence[Scores]:
        """The scores of each image."""


@dataclass(eq=False)
class _Call:
    """One image, and what becomes of it."""

    image: RGBImage
    scores: Future[Scores] = field(default_factory=Future)


class Batching:
    """An engine around another, for calls from many threads. On the CPU as many batches run at a time as
    there are processors for, on a GPU one.
    """

    def __init__(self, engine: BatchEngine) -> None:
        self._engine = engine
        self.device = device_of(engine)
        slots = max(1, processors() // engine.threads) if self.device == "cpu" else 1
        self._slots = threading.Semaphore(slots)
        self._lock = threading.Lock()
        self._waiting: list[_Call] = []

    @property
    def threads(self) -> int:
        """Those of the engine; one on a GPU, so that many threads bring it pictures."""
        return self._engine.threads if self.device == "cpu" else 1

    def scores(self, image: RGBImage) -> Scores:
        call = _Call(image)
        with self._lock:
            self._waiting.append(call)
        with self._slots:
            if batch := self._batch(call):
                self._run(batch)
        return call.scores.result()  # another thread may have taken the call, and be at work

    def _batch(self, call: _Call) -> list[_Call]:
        """This call and others that wait with images of its size; none if the call was taken already."""
        height, width = call.image.shape[:2]
        most = max(1, min(MOST_TOGETHER, MOST_PIXELS // (height * width)))
        with self._lock:
            if call not in self._waiting:
                return []
            alike = [other for other in self._waiting if other.image.shape == call.image.shape]
            alike.remove(call)
            batch = [call, *alike[: most - 1]]
            self._waiting = [other for other in self._waiting if other not in batch]
        return batch

    def _run(self, batch: list[_Call]) -> None:
        """Score a batch; if that fails, each image by itself: memory may suffice for one, and a fault is that
        of its own image. Whatever happens, all calls get an answer: others wait for it.
        """
        found: Sequence[Scores] = ()
        try:
            if len(batch) > 1:
                with suppress(Exception):
                    found = self._engine.batch_scores([call.image for call in batch])
            whole = len(found) == len(batch)
            for index, call in enumerate(batch):
                try:  # a view would keep the whole batch in memory
                    scores = found[index].copy() if whole else self._engine.scores(call.image)
                    call.scores.set_result(scores)
                except Exception as fault:
                    call.scores.set_exception(fault)
        finally:  # this thread may have been interrupted
            for call in batch:
                if not call.scores.done():
                    call.scores.set_exception(RuntimeError("the thread that scored this picture was stopped"))


def together(engine: Engine) -> int:
    """How many threads should bring an engine tiles of one picture: several if it batches them on a GPU."""
    inner = getattr(engine, "engine", None)
    for candidate in (engine, inner):
        if isinstance(candidate, Batching) and candidate.device != "cpu":
            return MOST_TOGETHER
    return 1
