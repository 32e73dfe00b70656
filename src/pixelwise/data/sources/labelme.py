"""labelme: a JSON file of shapes beside each picture, with subfolders, or below train/, val/ and test/.

"all" is every file except for those below test/, with ids below PATH. Files outside these folders are split
as in folder.py.

Classes are "background" and the labels, in the order of labels.txt (or classes.txt), or else in alphabetical
order; `__ignore__` is void and `_background_` background, as in labelme's own scripts. Later shapes are drawn
above earlier ones; lines are 10 pixels wide and points have a radius of 5, as in these scripts. Rectangles
with all four corners and "rotation" are X-AnyLabeling's. Source: github.com/wkentaro/labelme,
github.com/CVHub520/X-AnyLabeling.
"""

import base64
import binascii
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.pictures.reading import read_embedded, size_of_embedded
from pixelwise.core.types import VOID, Labels, RGBImage
from pixelwise.core.visible_files import folders_below, visible
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.outlines import Mask, Outline, Shape, box, ellipse, runs_of, stroke
from pixelwise.data.formats.records import ClassName, Coordinate, FileName, Side, read_json
from pixelwise.data.kind import Source
from pixelwise.data.painted_labels import Object, expect_size, painted
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ImageFile, Picture, image_errors
from pixelwise.data.sources.folder import held_out, is_split, listed_names, split_folder

_BACKGROUND = ("_background_", "background")
_IGNORE = "__ignore__"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A shape of which only the label matters."""

    label: ClassName


@dataclass(frozen=True, slots=True)
class Head:
    """a JSON file of labelme."""

    shapes: list[Labelled]
    imagePath: FileName | None = None  # noqa: N815
    imageData: str | None = None  # noqa: N815


@dataclass(frozen=True, slots=True)
class _Coco:
    """a JSON file of COCO with annotations and categories."""

    annotations: list[object]
    categories: list[object]


@dataclass(frozen=True, slots=True)
class DrawnShape:
    """A shape with its points; `mask` is a PNG of a mask in base64."""

    label: ClassName
    points: list[tuple[Coordinate, Coordinate]]
    shape_type: Annotated[
        Literal[
            "polygon",
            "rectangle",
            "oriented_rectangle",
            "rotation",
            "circle",
            "line",
            "linestrip",
            "point",
            "points",
            "mask",
        ],
        BeforeValidator(lambda value: value or "polygon"),
    ] = "polygon"
    mask: str | None = None

    def shapes(self, size: tuple[int, int], where: str) -> tuple[Shape, ...]:
        """The shapes that labelme draws in a picture of this size. Raises ValueError for unknown kinds."""
        points = np.array(self.points, np.float64).reshape(-1, 2)
        pairs = [(float(x), float(y)) for x, y in points]
        corners = self.shape_type == "rectangle" and len(pairs) == 4
        if corners or self.shape_type in ("polygon", "oriented_rectangle", "rotation"):
            return (Outline(points),)
        if self.shape_type in ("line", "linestrip"):
            return stroke(points, 10)
        if self.shape_type in ("point", "points"):
            return tuple(ellipse(pair, (5, 5)) for pair in pairs)
        if len(pairs) != 2:
            raise ValueError(f"it should have 2 points, as every {self.shape_type}, but has {len(pairs)}")
        (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
        if self.shape_type == "rectangle":
            return (box(left, top, right, bottom),)
        if self.shape_type == "circle":
            radius = math.dist(*pairs)
            return (ellipse(pairs[0], (radius, radius)),)
        mask = self._mask(size, where)
        marked = int(bottom) - int(top) + 1, int(right) - int(left) + 1
        if mask.shape != marked:
            raise ValueError(
                f"its mask is {mask.shape[1]} x {mask.shape[0]} pixels, but its points mark "
                f"{marked[1]} x {marked[0]}"
            )
        return (runs_of(mask, int(left), int(top)),)

    def _mask(self, size: tuple[int, int], where: str) -> Mask:
        if self.mask is None:
            raise ValueError("it should have a mask")
        content, name = _decoded(self.mask), f"{where}.mask"
        with image_errors():
            height, width = size_of_embedded(content, name)
            if height > size[0] or width > size[1]:
                raise ValueError(f"its mask of {width} x {height} pixels is larger than the picture")
            mask: Mask = np.any(read_embedded(content, name), axis=2)
        return mask


@dataclass(frozen=True, slots=True)
class Content:
    """a JSON file of labelme with imageHeight, imageWidth and shapes."""

    imageHeight: Side  # noqa: N815
    imageWidth: Side  # noqa: N815
    shapes: list[DrawnShape]


@dataclass(frozen=True)
class LabelmeShapes:
    """The shapes of one JSON file; `ids` are those of the labels."""

    path: Path
    image: Picture
    ids: Mapping[str, int]

    def read(self) -> Labels:
        return self.draw()[0]

    def draw(self) -> tuple[Labels, tuple[str, ...]]:
        content = read_json(self.path, "label", Content)
        size = content.imageHeight, content.imageWidth
        expect_size(self.path, self.image, size)
        things = [self._thing(shape, number, size) for number, shape in enumerate(content.shapes)]
        return painted(self.path, self.image, size, things)

    def _thing(self, shape: DrawnShape, number: int, size: tuple[int, int]) -> Object:
        where = f"{self.path}, shapes[{number}]"
        if shape.label not in self.ids:
            raise DataError(
                f'the label {where} names "{shape.label}", which is not among {", ".join(self.ids)}',
                "add it to labels.txt, or correct the name",
            )
        try:
            drawn = shape.shapes(size, where)
        except ValueError as error:
            raise DataError(
                f"the label {where} cannot be drawn: {error}", "correct it, or save it again with labelme"
            ) from None
        return Object(self.ids[shape.label], f"{shape.label} (shapes[{number}])", drawn)


@dataclass(frozen=True)
class EmbeddedImage:
    """The picture inside a JSON file."""

    path: Path

    def read(self) -> RGBImage:
        with image_errors():
            return read_embedded(self._content(), f"within {self.path}")

    def size(self) -> tuple[int, int]:
        with image_errors():
            return size_of_embedded(self._content(), f"within {self.path}")

    def _content(self) -> bytes:
        try:
            return _decoded(read_json(self.path, "label", Head).imageData or "")
        except ValueError as error:
            raise DataError(
                f"the picture within {self.path} cannot be read: {error}", "save it again with labelme"
            ) from None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error as error:
        raise ValueError(f"it should be base64, but has {error}") from None


def labelme(root: Path, split: str) -> LabelledImages:
    """The split of the folder `root`."""
    own = split_folder(root, split)
    place = own if own.is_dir() else root
    heads = _heads(file for folder in folders_below(root) for file in visible(folder, "*.json"))
    tops = {file: file.relative_to(root).parts[0] for file in heads}
    others = ("test",) if split == "all" else ("train", "val", "test")
    if own.is_dir():
        files = [file for file in heads if tops[file] == own.name]
    else:
        files = [file for file in heads if not any(is_split(tops[file], other) for other in others)]
    if not files:
        there = sorted({top for file, top in tops.items() if file.parent != root})
        raise SplitError(
            f'no split "{split}": no JSON files in {place}',
            f"there are {', '.join(there)}"
            if there
            else "PATH must name the folder with a .json file of labelme beside each picture",
        )
    images, labels = {}, set()
    for file, head in heads.items():
        images[file] = _picture(file, head)
        labels |= {shape.label for shape in head.shapes}
    names = ["background", *_names(root, labels)]
    ids = {name: id_ for id_, name in enumerate(names)} | {"_background_": 0, _IGNORE: VOID}
    try:
        class_map = ClassMap.identity(Classes.named(names))
    except ValueError as error:
        raise DataError(f"{root}: {error}", "correct labels.txt, or the labels in the JSON files") from None
    entries = tuple(
        Entry(
            file.relative_to(place).with_suffix("").as_posix(),
            images[file],
            {SEMANTIC: LabelmeShapes(file, images[file], ids)},
        )
        for file in files
    )
    chosen = entries if own.is_dir() else held_out(entries, split, 10)
    return LabelledImages(f"labelme:{root} {split}", chosen, {SEMANTIC: class_map})


def _heads(files: Iterable[Path]) -> dict[Path, Head]:
    """The heads of files, sorted. COCO's files are left out: some tools write them beside labelme's."""
    heads = {}
    for file in sorted(files):
        try:
            heads[file] = read_json(file, "label", Head)
        except DataError:
            with suppress(DataError):
                read_json(file, "label", _Coco)
                continue
            raise
    return heads


def _picture(file: Path, head: Head) -> Picture:
    path = file.parent / (head.imagePath or f"{file.stem}.jpg")
    if not path.is_file() and (beside := file.with_name(path.name)).is_file():
        path = beside  # the JSON file was moved, or comes from another machine
    return EmbeddedImage(file) if head.imageData and not path.is_file() else ImageFile(path)


def _names(root: Path, labels: set[str]) -> list[str]:
    for file in (root / "labels.txt", root / "classes.txt"):
        if file.is_file():
            names = listed_names(file)
            break
    else:
        names = sorted(labels)
    return [name for name in names if name not in (*_BACKGROUND, _IGNORE)]


SOURCE = Source(
    kind="labelme",
    title="Pictures labelled with labelme",
    read=labelme,
    splits=("train", "val"),
    layout="NAME.jpg + NAME.json (labelme 4 or 5), labels.txt; with subfolders, or below train/, val/, test/",
    get="made by you with https://github.com/wkentaro/labelme",
    terms="yours",
)
