"""The dense CRF as a predictor's last step: beliefs that follow the edges of the picture itself.

Source: DeepLab v1, section 4.1: the net's scores, interpolated to the picture's size, become the unary
terms.
"""

import hashlib
from pathlib import Path
from typing import Protocol

from pixelwise.crf import Preset, load_preset, refine
from pixelwise.errors import ImageError
from pixelwise.inference.probabilities import Beliefs
from pixelwise.pictures.images import Photo, Source, fitting, read_photo
from pixelwise.terminal import printable
from pixelwise.types import RGBImage

MOST_BYTES = 800_000_000
"""A picture that would take more memory is refined on a reduced copy: see `refined_size`."""

DEFAULT_PRESET = "deeplab-coco"


class Refiner(Protocol):
    """What a predictor calls with (H, W, 3) image and (C, H, W) probabilities; from several threads at a
    time."""

    @property
    def identity(self) -> str:
        """Tells refiners apart that give other results."""

    def __call__(self, image: RGBImage, probabilities: Beliefs) -> Beliefs: ...


class CRFRefiner:
    """Mean field in the fully connected CRF of a preset."""

    def __init__(self, preset: "Preset | str | Path" = DEFAULT_PRESET, threads: int | None = None) -> None:
        """preset: also the name of one, or a file. threads: None takes all cores."""
        self.preset = preset if isinstance(preset, Preset) else load_preset(preset)
        self._threads = threads

    @property
    def identity(self) -> str:
        return "crf " + hashlib.sha256(self.preset.to_json().encode()).hexdigest()[:16]

    def __call__(self, image: RGBImage, probabilities: Beliefs) -> Beliefs:
        """Beliefs after the preset's iterations. Raises ValueError if sizes differ."""
        preset = self.preset.for_size(image.shape[:2])
        return refine(image, probabilities, preset=preset, threads=self._threads)


def refining_bytes(size: tuple[int, int], classes: int) -> int:
    """About the memory that refining a picture of `size` needs at most."""
    return size[0] * size[1] * (150 + 25 * classes)


def refined_size(size: tuple[int, int], classes: int) -> tuple[int, int]:
    """(height, width) of the copy to refine a picture of `size` on: its own, or what MOST_BYTES allow."""
    excess = refining_bytes(size, classes) / MOST_BYTES
    return size if excess <= 1 else fitting(size, max(1, int(max(size) / excess**0.5)))


def refined_photo(source: Source, photo: Photo, classes: int) -> RGBImage:
    """The picture at its `refined_size`: `photo`, which was read from `source`, or read again.

    Raises ImageError if the file has another size now.
    """
    grid = refined_size(photo.size, classes)
    if photo.pixels.shape[:2] == grid:
        return photo.pixels
    closer = read_photo(source, max(grid))
    if closer.size != photo.size:
        raise ImageError(
            f"{printable(source)}: the file has changed while it was being segmented", "try again"
        )
    return closer.pixels
