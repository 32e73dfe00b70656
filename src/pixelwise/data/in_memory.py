"""A data set from arrays of images and labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import Classes
from pixelwise.data.class_map import ClassMap
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages

Content = TypeVar("Content")
Pair = tuple[npt.NDArray[np.uint8], npt.NDArray[np.integer]]
"""An image (H, W, 3) uint8, RGB, and its labels (H, W): class ids, 255 where there is no label."""


@dataclass(frozen=True)
class Held(Generic[Content]):
    """A part of a sample without a file; `path` is its name in messages."""

    path: Path
    content: Content

    def read(self) -> Content:
        return self.content


def labelled_arrays(pairs: Sequence[Pair], classes: Sequence[str], name: str = "arrays") -> LabelledImages:
    """The pairs as a data set with these class names, in the order of their ids.

    Raises ValueError for arrays of another type or shape; ids without a class raise DataError when they are
    read, as in files.
    """
    entries = []
    for index, (image, labels) in enumerate(pairs):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(
                f"image {index} must be (H, W, 3) uint8, got {image.shape} {image.dtype}; convert it to RGB"
            )
        if labels.dtype.kind not in "ui" or labels.shape != image.shape[:2]:
            raise ValueError(
                f"labels {index} must be whole numbers of shape {image.shape[:2]}, "
                f"got {labels.shape} {labels.dtype}"
            )
        place = f"{name}[{index}]"
        entries.append(
            Entry(f"{index:06}", Held(Path(f"{place} image"), image), {SEMANTIC: Held(Path(place), labels)})
        )
    return LabelledImages(name, tuple(entries), {SEMANTIC: ClassMap.identity(Classes.named(list(classes)))})
