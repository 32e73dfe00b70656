"""Score pictures together on a GPU, which is faster for several than for one after the other."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.engines.engine import Engine

MOST_TOGETHER = 8


class BatchEngine(Engine, Protocol):
    """An engine that scores several pictures of one size in one call."""

    @property
    def device(self) -> str:
        """Such as "cuda:0"."""

    def batch_scores(self, images: Sequence[RGBImage]) -> list[Scores]:
        """The scores of each image."""


@dataclass(eq=False)
class _Waiting:
    image: RGBImage
    scores: Scores | None = None
    problem: Exception | None = None


class Batching:
    """Scores the pictures that threads bring while the GPU is busy in its next call, those of one size
    together, at most MOST_TOGETHER.
    """

    threads = 1

    def __init__(self, engine: BatchEngine) -> None:
        self.engine = engine
        self._queue: list[_Waiting] = []
        self._adding, self._running = threading.Lock(), threading.Lock()

    @property
    def device(self) -> str:
        return self.engine.device

    def scores(self, image: RGBImage) -> Scores:
        own = _Waiting(image)
        with self._adding:
            self._queue.append(own)
        with self._running:
            if own.scores is None and own.problem is None:
                self._run(self._next(own))
        if own.problem is not None:
            raise own.problem
        if own.scores is None:
            raise RuntimeError("a picture was left out of its batch")
        return own.scores

    def _next(self, own: _Waiting) -> list[_Waiting]:
        """The picture and others of its size that wait, which leave the queue."""
        with self._adding:
            others = [
                entry for entry in self._queue if entry.image.shape == own.image.shape and entry is not own
            ]
            chosen = [own, *others[: MOST_TOGETHER - 1]]
            self._queue = [entry for entry in self._queue if entry not in chosen]
        return chosen

    def _run(self, batch: list[_Waiting]) -> None:
        try:
            found = self.engine.batch_scores([entry.image for entry in batch])
            for entry, scores in zip(batch, found, strict=True):
                entry.scores = scores
        except Exception as problem:
            if len(batch) == 1:
                batch[0].problem = problem
                return
            for entry in batch:  # memory may suffice for one, or one of them is at fault
                self._run([entry])


def together(engine: Engine) -> int:
    """How many threads should bring an engine tiles of one picture: several if it batches them."""
    inner = getattr(engine, "engine", None)
    return MOST_TOGETHER if isinstance(engine, Batching) or isinstance(inner, Batching) else 1
