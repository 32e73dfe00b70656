"""The interface of an engine, which turns pixels into class scores."""

from typing import Protocol

from pixelwise.core.types import RGBImage, Scores


class Engine(Protocol):
    """The interface of an engine; calls from several threads at a time must be safe."""

    @property
    def threads(self) -> int:
        """The number of threads that one call uses."""

    def scores(self, image: RGBImage) -> Scores:
        """(C, H, W) scores of an (H, W, 3) image, for any H, W >= 1."""
