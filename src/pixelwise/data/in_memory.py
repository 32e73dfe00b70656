"""A data set from arrays of images and labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import Classes
from pixelwise.core.pictures.bands import BandForm, native
from pixelwise.core.types import BANDS
from pixelwise.data.bands import BandsView
from pixelwise.data.class_map import ClassMap
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages

Content = TypeVar("Content")
_RGB = BandForm(3, "uint8")
Pair = tuple[npt.NDArray[Any], npt.NDArray[np.integer | np.bool_]]
"""An image (H, W, 3) uint8, RGB, and its labels (H, W): class ids, 255 where there is no label; truth values
are the ids 0 and 1. For a net with inputs=bands, images are (H, W, K) of uint8, uint16 or float32, all with
the same K and type.
"""


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
    entries, first = [], None
    for index, (image, labels) in enumerate(map(_pair, pairs)):
        for what, array in (("image", image), ("labels", labels)):
            if not isinstance(array, np.ndarray):
                raise ValueError(f"{what} {index} must be a numpy array, got {type(array).__name__}")
        form, image = _form(image, index), native(image)
        first = first or form
        if form != first:
            raise ValueError(f"image {index} has {form}, but image 0 has {first}; all need the same")
        if labels.dtype.kind not in "uib" or labels.shape != image.shape[:2]:
            raise ValueError(
                f"labels {index} must be whole numbers of shape {image.shape[:2]}, "
                f"got {labels.shape} {labels.dtype}"
            )
        labels = labels.view(np.uint8) if labels.dtype == np.bool_ else labels
        place = f"{name}[{index}]"
        bands = Held(Path(f"{place} image"), image)
        picture = bands if form == _RGB else BandsView(bands)
        entries.append(Entry(f"{index:06}", picture, {SEMANTIC: Held(Path(place), labels)}, {BANDS: bands}))
    if not entries:
        raise ValueError("expected at least one pair of an image and its labels, got none")
    return LabelledImages(name, tuple(entries), {SEMANTIC: ClassMap.identity(Classes.named(classes))})


def _pair(pair: object) -> Pair:
    """Raises ValueError for other than two arrays, such as one of an array of all images."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        what = f"an array {pair.shape}" if isinstance(pair, np.ndarray) else repr(type(pair).__name__)
        raise ValueError(
            f"expected a list of pairs (image, labels), got {what} in place of one; "
            "zip(images, labels, strict=True) makes pairs"
        )
    return pair[0], pair[1]


def _form(image: npt.NDArray[Any], index: int) -> BandForm:
    try:
        form = BandForm.of(image)
    except ValueError as fault:
        raise ValueError(
            f"image {index} must be (H, W, 3) uint8, RGB, or bands for inputs=bands: {fault}"
        ) from None
    if form.numbers == "float32" and not np.isfinite(image).all():
        raise ValueError(f"image {index} holds NaN or infinite numbers; replace them, by 0 for example")
    return form
