"""Calls of an engine that come at the same time, scored as one batch.

While the engine is at work, further calls wait. The next batch takes those that have pictures of one size. So
batches grow with the load, and a single call never waits for others to come.
"""

import threading
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from pixelwise.core.threads import processors
from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.engines.engine import Engine

MOST_PIXELS = 8 * 512 * 512
"""Larger batches are split: they take memory and gain nothing."""


@runtime_checkable
class BatchEngine(Engine, Protocol):
    """An engine that scores several images of one size in one call."""

    def batch_scores(self, images: npt.NDArray[np.uint8]) -> Scores:
        """(N, C, H, W) scores of N images (N, H, W, 3)."""


@dataclass(eq=False)
class _Call:
    """One image, and what becomes of it."""

    image: RGBImage
    scores: Future[Scores] = field(default_factory=Future)


class BatchingEngine:
    """An engine around another, for calls from many threads. As many batches run at a time as there are
    processors for."""

    def __init__(self, engine: BatchEngine) -> None:
        self._engine = engine
        self._slots = threading.Semaphore(max(1, processors() // engine.threads))
        self._lock = threading.Lock()
        self._waiting: list[_Call] = []

    @property
    def threads(self) -> int:
        return self._engine.threads

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
        with self._lock:
            if call not in self._waiting:
                return []
            alike = [other for other in self._waiting if other.image.shape == call.image.shape]
            alike.remove(call)
            batch = [call, *alike[: max(1, MOST_PIXELS // (height * width)) - 1]]
            self._waiting = [other for other in self._waiting if other not in batch]
        return batch

    def _run(self, batch: list[_Call]) -> None:
        """Score a batch; if that fails, each image by itself, so that a fault is that of its own image."""
        found: Iterable[Scores | None] = [None] * len(batch)
        if len(batch) > 1:
            with suppress(Exception):
                found = self._engine.batch_scores(np.stack([call.image for call in batch]))
        for call, scores in zip(batch, found, strict=True):
            try:  # a view would keep the whole batch in memory
                call.scores.set_result(self._engine.scores(call.image) if scores is None else scores.copy())
            except Exception as fault:
                call.scores.set_exception(fault)
