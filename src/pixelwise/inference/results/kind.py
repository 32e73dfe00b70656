"""A kind of results: what it is called, what it needs, how it is written, and the memory that takes."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ArgumentError
from pixelwise.core.pictures.geotiff import Georeference, georeference_of
from pixelwise.core.pictures.pages import Page
from pixelwise.core.pictures.reading import Encoded
from pixelwise.core.types import Labels, RGBImage, is_number
from pixelwise.data.annotations.regions import AnnotatedPicture, Region
from pixelwise.inference.probabilities import Beliefs

Size = tuple[int, int]
"""(height, width)"""


class FileIds(Protocol):
    """The ids that labels have in the file they came from: `ids` (C,) of the classes. palette: the file's."""

    @property
    def ids(self) -> Labels: ...
    @property
    def file_classes(self) -> Classes: ...
    @property
    def palette(self) -> list[int] | None: ...


class Savable(Protocol):
    """What the kinds take from a Segmentation."""

    size: Size
    classes: Classes
    path: Path | None
    content: Encoded | Page | None
    is_refined: bool

    @property
    def grid_size(self) -> Size: ...
    @property
    def drawn_size(self) -> Size: ...
    @property
    def file_labels(self) -> Labels: ...
    @property
    def file_classes(self) -> Classes: ...
    @property
    def all_regions(self) -> Sequence[Region]: ...
    def photo(self) -> RGBImage: ...
    def mask(self) -> Image.Image: ...
    def overlay(self) -> Image.Image: ...
    def cutout(self) -> Image.Image: ...
    def confidence_map(self) -> Image.Image: ...
    def probabilities_at(self, size: Size, /) -> Beliefs: ...


def place_of(result: Savable) -> Georeference | None:
    """Where the picture lies on the map, if its file says so. Raises as `georeference_of` does."""
    source = result.content if result.path is None else result.path
    return None if source is None else georeference_of(source)


def sides(size: Size) -> str:
    """WIDTHxHEIGHT, for people."""
    return f"{size[1]}x{size[0]}"


class SavedAs(NamedTuple):
    """How a kind of a picture is saved: its (height, width), and what people should know about it."""

    size: Size
    note: str


@dataclass(frozen=True)
class Saving:
    """How results are saved. tolerance: by how many pixels the outlines of regions may move, so that they
    have fewer corners.
    """

    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if not is_number(self.tolerance) or not 0 <= self.tolerance < math.inf:
            raise ArgumentError(
                "tolerance", f"expected a tolerance of at least 0 pixels, got {self.tolerance!r}"
            )


@dataclass(frozen=True)
class Run:
    """All pictures of a run, for a file about all of them.

    pictures: yields them with their regions, whenever it is called. folder: holds their files. output: holds
    the results.
    """

    pictures: Callable[[], Iterator[AnnotatedPicture]]
    classes: Classes
    folder: Path
    output: Path


@dataclass(frozen=True)
class RunFile:
    """A file about all pictures of a run, with its name and what fills it. lists_classes: whether it says
    what the classes in the files of the pictures are.
    """

    name: str
    write: Callable[[Run, BinaryIO], object]
    lists_classes: bool = False


def _no_bytes(_: Savable) -> int:
    return 0


def _no_note(_: Savable) -> str:
    return ""


def whole_size(result: Savable) -> Size:
    """The size of the picture."""
    return result.size


def drawn_size(result: Savable) -> Size:
    """The size at which pictures for people are drawn."""
    return result.drawn_size


@dataclass(frozen=True)
class Kind:
    """A kind of results.

    ending: of the file's name, after that of the picture. write: takes the result, the path that its file
    will have, the wishes for saving and the open file. size: (height, width) of what is saved. memory: bytes
    that writing holds besides the labels. note: what people should know about the file, or nothing.
    needs_background: whether the classes must have a background. is_annotation: whether the file is for a
    labelling tool, which decides its name and in which people correct it. run_file: written for all pictures
    when a run ends. is_hidden: whether the file of a picture only serves that one and lies among the records.
    """

    ending: str
    write: Callable[[Savable, Path, Saving, BinaryIO], object]
    size: Callable[[Savable], Size] = whole_size
    memory: Callable[[Savable], int] = _no_bytes
    note: Callable[[Savable], str] = _no_note
    needs_background: bool = False
    is_annotation: bool = False
    run_file: RunFile | None = None
    is_hidden: bool = False
