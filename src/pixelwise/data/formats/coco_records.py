"""Records of COCO's JSON files, and the links between annotations, pictures and categories."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator, Discriminator, Tag

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError
from pixelwise.core.terminal import few
from pixelwise.data.formats.outlines import Outline, Runs, Shape, outline
from pixelwise.data.formats.records import (
    ClassName,
    Coordinate,
    FileName,
    Key,
    Length,
    Side,
    expect_distinct,
    shown,
)


def _lengths(counts: Any) -> Any:
    """COCO's compressed run lengths: five bits per character; the fourth and later ones are differences to
    the one two before."""
    if not isinstance(counts, str):
        return counts
    lengths: list[int] = []
    value = shift = 0
    for character in counts:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 50:
            raise ValueError("it should be compressed run lengths")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            value -= (1 << shift) if code & 16 else 0
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    return lengths


@dataclass(frozen=True, slots=True)
class RunLengths:
    """A mask as lengths of runs down the columns, outside first."""

    counts: Annotated[tuple[Length, ...], BeforeValidator(_lengths)]
    size: tuple[Side, Side] | None = None


Segmentation = (
    Annotated[
        Annotated[RunLengths, Tag("<runs>")]
        | Annotated[list[Annotated[list[Coordinate], AfterValidator(outline)]], Tag("<outlines>")],
        Discriminator(lambda value: "<runs>" if isinstance(value, dict) else "<outlines>"),
    ]
    | None
)
"""Runs, or the outlines of an object's parts."""


@dataclass(frozen=True, slots=True)
class Picture:
    """COCO's images, each with id, file_name, height and width."""

    id: Key
    file_name: FileName
    height: Side
    width: Side

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width


@dataclass(frozen=True, slots=True)
class Category:
    """COCO's categories, each with id and name."""

    id: int
    name: ClassName


@dataclass(frozen=True, slots=True)
class Annotation:
    """An object: `segmentation` or `bbox` (x, y, width, height) may be missing."""

    image_id: Key
    category_id: int
    id: Any = None
    segmentation: Segmentation = None
    bbox: list[Coordinate] | None = None
    iscrowd: int | None = 0

    @property
    def name(self) -> str:
        return "an annotation" if self.id is None else f"annotation {shown(self.id)}"

    @property
    def is_outlined(self) -> bool:
        """Whether it has an outline or a mask."""
        return isinstance(self.segmentation, RunLengths) or any(len(part.points) for part in self._outlines)

    @property
    def _outlines(self) -> tuple[Outline, ...]:
        """Its parts, which the validator has converted to outlines."""
        found = self.segmentation
        return () if isinstance(found, RunLengths) else tuple(cast("list[Outline]", found or []))

    def shapes(self, size: tuple[int, int]) -> tuple[Shape, ...]:
        """Its shapes in a picture of this size. Raises ValueError for a mask of another size."""
        found = self.segmentation
        if not isinstance(found, RunLengths):
            return self._outlines
        height, width = found.size or size
        if (height, width) != size:
            raise ValueError(f"its mask is {width} x {height} pixels, its picture {size[1]} x {size[0]}")
        return (Runs(found.counts, height, width, by_column=True),)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a panoptic picture."""

    id: int
    category_id: int


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of a panoptic picture, which is called `file_name`."""

    image_id: Key
    file_name: FileName
    segments_info: list[Segment]


@dataclass(frozen=True, slots=True)
class InstanceFile:
    """a JSON file of COCO with images, annotations and categories."""

    images: list[Picture]
    annotations: list[Annotation]
    categories: list[Category]


@dataclass(frozen=True, slots=True)
class PanopticFile:
    """a panoptic JSON file of COCO with images, annotations and categories."""

    images: list[Picture]
    annotations: list[Segments]
    categories: list[Category]


class OfPicture(Protocol):
    """An item that belongs to a picture."""

    @property
    def image_id(self) -> str: ...


Item = TypeVar("Item", bound=OfPicture)


def by_picture(file: Path, pictures: Sequence[Picture], items: Sequence[Item]) -> dict[str, list[Item]]:
    """The items of each picture, by its id. Raises DataError, with counts and names, if two pictures share an
    id or a file, or if items belong to no picture.
    """
    merge = "merge the annotations of pictures that occur twice, or remove one of them"
    expect_distinct(file, "image id", (picture.id for picture in pictures), merge)
    expect_distinct(file, "file_name", (picture.file_name for picture in pictures), merge)
    found: dict[str, list[Item]] = {picture.id: [] for picture in pictures}
    orphans = [item.image_id for item in items if item.image_id not in found]
    _expect_none(file, orphans, len(items), "image_id", "images")
    for item in items:
        found[item.image_id].append(item)
    return found


def expect_known(file: Path, categories: Sequence[Category], used: Sequence[int]) -> None:
    """Raise DataError, with counts and names, if category ids are used that are not in the list."""
    known = {category.id for category in categories}
    expect_distinct(file, "category id", (category.id for category in categories), "give each its own")
    _expect_none(file, [id_ for id_ in used if id_ not in known], len(used), "category_id", "categories")


def coco_classes(categories: Sequence[Category], panoptic: bool = False) -> tuple[Classes, dict[int, int]]:
    """The classes and, by category id, their ids: background first, except for a panoptic file, then in the
    order of ids. Categories of equal names are one class: some tools repeat a name for the whole project.
    Raises ValueError if the categories are not valid classes.
    """
    first = [] if panoptic else ["background"]
    ordered = sorted(categories, key=lambda category: category.id)
    names = list(dict.fromkeys([*first, *(category.name for category in ordered)]))
    return Classes.named(names), {category.id: names.index(category.name) for category in categories}


def _expect_none(file: Path, wrong: Sequence[object], of: int, field: str, table: str) -> None:
    if wrong:
        raise DataError(
            f"{file}: the {field} of {len(wrong)} of {of} annotations is not among its {table}: "
            f"{few([shown(value) for value in dict.fromkeys(wrong)])}",
            f"add what is missing to {table}, or remove these annotations",
        )
