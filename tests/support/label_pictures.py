"""A predictor whose labels are what a picture's red channel says, for tests of what is saved."""

from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.pictures.reading import read_photo
from pixelwise.core.types import Labels
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.sources.given import Source


class Reading:
    """Starts no threads, so that tests may fork. `calls` counts the pictures it was asked for."""

    def __init__(self, classes: Classes, identity: str = "reading") -> None:
        self.classes, self.identity, self.calls = classes, identity, 0

    def identity_for(self, path: Path) -> str:
        return self.identity

    def held_bytes(self, source: Source) -> int:
        return 0

    def __call__(self, source: Source, /) -> Segmentation:
        self.calls += 1
        assert not isinstance(source, bytes | bytearray)
        photo = read_photo(source, 4000)  # type: ignore[arg-type]
        result = labelled(photo.pixels[:, :, 0], self.classes, photo.pixels)
        result.path = source if isinstance(source, Path) else None
        return result


def labelled(
    labels: Labels, classes: Classes, photo: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None" = None
) -> Segmentation:
    """A result with these labels, whose confidence is that of a score of 4 against 0."""
    scores = np.moveaxis(np.eye(len(classes), dtype=np.float32)[labels] * 4, 2, 0)
    shown = np.repeat(labels[:, :, None], 3, axis=2) if photo is None else photo
    return Segmentation(scores, labels.shape, classes, shown)


def write_labels(path: Path, labels: Labels) -> Path:
    """A picture that `Reading` segments into these labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.repeat(labels[:, :, None], 3, axis=2)).save(path)
    return path
