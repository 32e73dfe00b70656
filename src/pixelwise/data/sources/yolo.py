"""YOLO's data for segmentation: data.yaml with the names, and a text file of outlines per picture. Which
pictures make a split is in yolo_lists.py.

A line is a class and the points x, y of an outline, as shares of the upright picture's sides. Classes are
"background" and the other names: if no name is "background", class 0 of the file is id 1. Smaller objects are
drawn above larger ones, as Ultralytics does. A picture without a text file has no objects. Source:
docs.ultralytics.com/datasets/segment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError
from pixelwise.core.types import Labels
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.outlines import Outline, area
from pixelwise.data.kind import Source
from pixelwise.data.painted_labels import Object, fit_shares, painted
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ImageFile, image_errors, read_text
from pixelwise.data.sources.yolo_lists import listed, lists_file, read_lists

_LINE = "a line is CLASS X Y X Y X Y ..., shares of the picture's sides"


@dataclass(frozen=True)
class YoloShapes:
    """The outlines of one picture, in a text file that may be missing. `names` are those of the classes by
    their numbers in the file, `ids` the class ids by name.
    """

    outlines: Path
    image: ImageFile
    names: tuple[str, ...]
    ids: Mapping[str, int]

    @property
    def path(self) -> Path:
        """The text file, or the picture if that has no objects."""
        return self.outlines if self.outlines.exists() else self.image.path

    def read(self) -> Labels:
        return self.draw()[0]

    def draw(self) -> tuple[Labels, tuple[str, ...]]:
        with image_errors():
            height, width, _ = self.image.read().shape
        lines = read_text(self.outlines, "label").split("\n") if self.outlines.exists() else []
        objects = [
            self._object(line.split(), f"{self.outlines}, line {number}", np.array([width, height]))
            for number, line in enumerate(lines, start=1)
            if line.strip()
        ]
        smaller_last = sorted(objects, key=lambda thing: -area(thing.shapes))
        return painted(self.path, self.image, (height, width), smaller_last)

    def _object(
        self, fields: list[str], where: str, sides: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    ) -> Object:
        try:
            label, numbers = int(float(fields[0])), np.array(fields[1:], np.float64)
            if label != float(fields[0]):
                raise ValueError
        except (ValueError, OverflowError):
            raise DataError(f"{where}: expected numbers", _LINE) from None
        if not 0 <= label < len(self.names):
            raise DataError(
                f"{where}: class {label}, but there are names for 0 to {len(self.names) - 1}",
                "correct the line, or the names in data.yaml",
            )
        if len(numbers) == 4:
            raise DataError(f"{where}: a box, not an outline", "only data for segmentation can be read")
        if len(numbers) % 2 or len(numbers) < 6:
            raise DataError(f"{where}: expected at least three points, got {len(numbers)} numbers", _LINE)
        if not fit_shares(numbers):
            outside = next(number for number in numbers if not fit_shares([number]))
            raise DataError(
                f"{where}: expected shares from 0 to 1, got {outside:g}",
                "if the outlines are in pixels, divide x by the picture's width and y by its height",
            )
        name = self.names[label]
        return Object(self.ids[name], f"{name} ({where})", (Outline(numbers.reshape(-1, 2) * sides),))


def yolo(root: Path, split: str) -> LabelledImages:
    """The split of the folder `root`, or of a .yaml file."""
    file = lists_file(root)
    lists = read_lists(file)
    try:
        own = "background" in lists.names
        named = sorted(lists.names, key="background".__ne__)  # first, if it is among them
        classes = Classes.named(named if own else ["background", *named])
    except ValueError as error:
        raise DataError(f"{file}: {error}", "correct its names") from None
    ids = {name: id_ for id_, name in enumerate(classes.names)}
    entries = []
    for pair in listed(file.parent, lists, split):
        image = ImageFile(pair.picture)
        shapes = YoloShapes(pair.outlines, image, tuple(lists.names), ids)
        entries.append(Entry(pair.id, image, {SEMANTIC: shapes}))
    return LabelledImages(f"yolo:{root} {split}", tuple(entries), {SEMANTIC: ClassMap.identity(classes)})


SOURCE = Source(
    kind="yolo",
    title="Pictures with YOLO's text files for segmentation",
    read=yolo,
    splits=("train", "val"),
    layout="data.yaml (names) + images/SPLIT/NAME.jpg + labels/SPLIT/NAME.txt; or these below SPLIT/; "
    "or the folders and .txt lists that data.yaml names for train and val",
    get="made by you, by Ultralytics, Roboflow, or `pixelwise segment --save yolo`",
    terms="yours",
    suffixes=(".yaml", ".yml"),
)
