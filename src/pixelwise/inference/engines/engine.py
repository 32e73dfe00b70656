"""The interface of an engine, which turns pixels into class scores."""

from typing import Protocol, runtime_checkable

from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.engines.coarse_scores import CoarseScores


class Engine(Protocol):
    """The interface of an engine; calls from several threads at a time must be safe."""

    @property
    def threads(self) -> int:
        """The number of threads that one call uses."""

    def scores(self, image: RGBImage) -> Scores:
        """(C, H, W) scores of an (H, W, 3) image, for any H, W >= 1."""


@runtime_checkable
class CoarseEngine(Engine, Protocol):
    """An engine that can leave out a net's last upsampling."""

    def coarse_scores(self, image: RGBImage) -> Scores | CoarseScores:
        """As `scores`, but before the last upsampling if the net ends in one."""
