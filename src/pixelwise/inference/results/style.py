"""How overlays and cutouts look."""

from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import ArgumentError
from pixelwise.core.files import sha256_of
from pixelwise.core.terminal import printable
from pixelwise.core.types import is_number, is_truth_value
from pixelwise.inference.results.backdrops import TRANSPARENT, expect_backdrop, file_of


@dataclass(frozen=True)
class Style:
    """How overlays and cutouts of pictures and videos are drawn.

    opacity: of the classes' tints on the photo, 0 to 1. legend: whether the overlay has the names of the
    classes below it; None: on pictures, but not on videos. background: what is behind a cutout:
    "transparent", "blur" (the photo, blurred), a colour such as "#ff8800", or the path of a picture.
    """

    opacity: float = 0.45
    legend: bool | None = None
    background: str | Path = TRANSPARENT

    def __post_init__(self) -> None:
        if not is_number(self.opacity) or not 0 <= self.opacity <= 1:
            raise ArgumentError("opacity", f"opacity is a share from 0 to 1, got {self.opacity!r}")
        if self.legend is not None:
            if not is_truth_value(self.legend):
                raise ArgumentError("legend", f"legend is True, False or None, got {self.legend!r}")
            object.__setattr__(
                self, "legend", bool(self.legend)
            )  # not numpy's, which are not the same object
        expect_backdrop(self.background)

    def __str__(self) -> str:
        """Short and complete: it tells results apart."""
        file = file_of(self.background)
        state = "" if file is None else f" of {sha256_of(file)[:16]}"
        legend = {None: "", True: ", legend", False: ", no legend"}[self.legend]
        return f"opacity {self.opacity}{legend}, background {printable(self.background)}{state}"


USUAL = Style()
"""The style of results if none is asked for."""


def expect_style(style: object) -> None:
    """Raise ValueError for another type."""
    if not isinstance(style, Style):
        raise ArgumentError("style", f"expected a style as Style(opacity=0.3), got {style!r}")
