"""Pictures with bounding boxes, and the labels that are drawn from them when they are read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.core.boxes import Box
from pixelwise.core.errors import DataError
from pixelwise.core.pictures.reading import read_photo
from pixelwise.core.types import VOID, Labels, RGBImage
from pixelwise.data.painted_labels import are_shares
from pixelwise.data.sample_files import image_errors

Draw = Callable[[RGBImage, Sequence[Box]], Labels]
"""From (H, W, 3) picture and boxes to (H, W) class ids."""

LONG_SIDE = 1000
"""Labels of larger pictures are drawn on a copy of this long side, in pixels, and enlarged."""

BACKGROUND = 0
"""The id of pixels outside boxes."""


@dataclass(frozen=True)
class BoxedPicture:
    """The boxes of a picture in an annotation file. `crowds` are boxes around many objects."""

    path: Path
    picture: Path
    size: tuple[int, int]
    boxes: tuple[Box, ...]
    crowds: tuple[Box, ...] = ()

    def __post_init__(self) -> None:
        boxes = *self.boxes, *self.crowds
        try:
            for box in boxes:
                box.pixels(self.size)
            if are_shares([side for box in boxes for side in box[1:]]):
                raise ValueError("its boxes lie between 0 and 1, as shares of its size, but should be pixels")
        except ValueError as error:
            raise DataError(
                f"{self.path}, {self.picture.name} of {self.size[1]} x {self.size[0]}: {error}",
                "correct or remove the box",
            ) from None


@dataclass(frozen=True)
class DrawnLabels:
    """The labels that `draw` makes from a picture and its boxes; background pixels in crowds become void."""

    boxed: BoxedPicture
    draw: Draw

    @property
    def path(self) -> Path:
        return self.boxed.path

    def read(self) -> Labels:
        boxed = self.boxed
        with image_errors():
            photo = read_photo(boxed.picture, LONG_SIDE)
        if photo.size != boxed.size:
            raise DataError(
                f"{boxed.picture} is {photo.size[1]} x {photo.size[0]} pixels, "
                f"but {boxed.path} says {boxed.size[1]} x {boxed.size[0]}",
                "boxes need the picture they were drawn on, not one resized or turned",
            )
        grid = photo.pixels.shape[0], photo.pixels.shape[1]
        labels = self.draw(photo.pixels, [box.resized(boxed.size, grid) for box in boxed.boxes])
        if grid != boxed.size:
            enlarged = Image.fromarray(labels).resize(boxed.size[::-1], Image.Resampling.NEAREST)
            labels = np.array(enlarged)
        for crowd in boxed.crowds:
            region = labels[crowd.pixels(boxed.size)]
            region[region == BACKGROUND] = VOID
        return labels


def trimmed(box: Box, size: tuple[int, int]) -> Box:
    """Clip boxes that lie at most a pixel outside: some tools count from 0, some from 1."""
    (height, width), (label, top, left, bottom, right) = size, box
    return Box(
        label,
        0 if -1 <= top < 0 else top,
        0 if -1 <= left < 0 else left,
        height if height < bottom <= height + 1 else bottom,
        width if width < right <= width + 1 else right,
    )
