"""The kinds of results: the ending of each file, what it needs, how it is written, and the memory that takes.

A new kind is one function that writes it and one entry of KINDS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.pictures.geotiff import georeference_of, write_geotiff
from pixelwise.core.pictures.writing import save_picture
from pixelwise.core.types import Labels
from pixelwise.inference.crf_refiner import refined_size, reserved_bytes
from pixelwise.inference.probabilities import Beliefs

FULL_SIZE_VALUES = 100_000_000
"""Probabilities with more values (classes x height x width) are saved at the grid's size."""

Size = tuple[int, int]
"""(height, width)"""


class Savable(Protocol):
    """What the kinds take from a Segmentation."""

    size: Size
    classes: Classes
    path: Path | None
    is_refined: bool

    @property
    def grid_size(self) -> Size: ...
    @property
    def drawn_size(self) -> Size: ...
    @property
    def labels(self) -> Labels: ...
    def mask(self) -> Image.Image: ...
    def overlay(self) -> Image.Image: ...
    def cutout(self) -> Image.Image: ...
    def confidence_map(self) -> Image.Image: ...
    def probabilities_at(self, size: Size, /) -> Beliefs: ...


def _no_bytes(_: Savable) -> int:
    return 0


def _whole_size(result: Savable) -> Size:
    return result.size


def _drawn_size(result: Savable) -> Size:
    return result.drawn_size


@dataclass(frozen=True)
class Kind:
    """A kind of results.

    ending: of the file's name, after that of the picture. write: takes the result, the path that its file
    will have, and the open file. size: (height, width) of what is saved. memory: bytes that writing holds
    besides the labels. needs_background: whether the classes must have a background.
    """

    ending: str
    write: Callable[[Savable, Path, BinaryIO], object]
    size: Callable[[Savable], Size] = _whole_size
    memory: Callable[[Savable], int] = _no_bytes
    needs_background: bool = False


def _write_mask(result: Savable, path: Path, file: BinaryIO) -> None:
    save_picture(file, path, result.mask())


def _write_overlay(result: Savable, path: Path, file: BinaryIO) -> None:
    save_picture(file, path, result.overlay())


def _write_cutout(result: Savable, path: Path, file: BinaryIO) -> None:
    save_picture(file, path, result.cutout())


def _write_confidence(result: Savable, path: Path, file: BinaryIO) -> None:
    save_picture(file, path, result.confidence_map())


def _confidence_bytes(result: Savable) -> int:
    return result.drawn_size[0] * result.drawn_size[1] * 16


def _overlay_bytes(result: Savable) -> int:
    return result.drawn_size[0] * result.drawn_size[1] * 24


def _cutout_bytes(result: Savable) -> int:
    count = len(result.classes)
    refining = 0 if result.is_refined else reserved_bytes(refined_size(result.drawn_size, count), count)
    return max(2 * _overlay_bytes(result), refining)


def _write_geotiff(result: Savable, _: Path, file: BinaryIO) -> None:
    place = None if result.path is None else georeference_of(result.path)
    write_geotiff(file, result.labels, result.classes, place)


def _write_probabilities(result: Savable, _: Path, file: BinaryIO) -> None:
    probabilities = result.probabilities_at(_probabilities_size(result)).astype(np.float16)
    names, palette = np.array(result.classes.names), np.array(result.classes.palette, np.uint8)
    np.savez_compressed(file, probabilities=probabilities, classes=names, palette=palette)


def _probabilities_size(result: Savable) -> Size:
    values = len(result.classes) * result.size[0] * result.size[1]
    return result.size if values <= FULL_SIZE_VALUES else result.grid_size


def _probabilities_bytes(result: Savable) -> int:
    height, width = _probabilities_size(result)
    return len(result.classes) * height * width * 6


KINDS = {
    "mask": Kind("_mask.png", _write_mask),
    "overlay": Kind("_overlay.jpg", _write_overlay, _drawn_size, _overlay_bytes),
    "cutout": Kind("_cutout.png", _write_cutout, _drawn_size, _cutout_bytes, needs_background=True),
    "confidence": Kind("_confidence.png", _write_confidence, _drawn_size, _confidence_bytes),
    "probabilities": Kind(
        "_probabilities.npz", _write_probabilities, _probabilities_size, _probabilities_bytes
    ),
    "geotiff": Kind("_mask.tif", _write_geotiff),
}
"""All kinds, by the name that `save` takes."""


def expect_kinds(save: Sequence[str]) -> None:
    """Raise ValueError for names of no kind."""
    if unknown := [kind for kind in save if kind not in KINDS]:
        raise ValueError(f"expected kinds among {', '.join(KINDS)}, got {', '.join(unknown)}")
