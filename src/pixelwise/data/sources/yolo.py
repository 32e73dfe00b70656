"""YOLO's data for segmentation: data.yaml with the names, and a text file of outlines per picture.

A line is a class and the points x, y of an outline, as shares of the upright picture's sides. Classes are
"background" and the names, so class 0 of the file is id 1. Smaller objects are drawn above larger ones, as
Ultralytics does. A picture without a text file has no objects. Source: docs.ultralytics.com/datasets/segment.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

import numpy as np
from pydantic import BeforeValidator

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError, MissingExtraError, SplitError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.types import Labels
from pixelwise.data.class_map import ClassMap
from pixelwise.data.formats.outlines import Outline, area
from pixelwise.data.formats.records import ClassName, record
from pixelwise.data.kind import Source
from pixelwise.data.painted_labels import Object, fit_shares, painted
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ImageFile, image_errors, portable, read_text
from pixelwise.data.sources.folder import below, held_out

_LISTS = ("data.yaml", "data.yml", "dataset.yaml")
_CLASS_LISTS = {"classes", "labels"}  # of other tools, which keep them beside the outlines
_MOST_BYTES = 2_000_000  # of a list of at most 255 names
_LINE = "a line is CLASS X Y X Y X Y ..., shares of the picture's sides"


@dataclass(frozen=True)
class YoloShapes:
    """The outlines of one picture; names are those of all classes."""

    path: Path
    image: ImageFile
    names: tuple[str, ...]

    def read(self) -> Labels:
        return self.draw()[0]

    def draw(self) -> tuple[Labels, tuple[str, ...]]:
        with image_errors():
            height, width, _ = self.image.read().shape
        lines = read_text(self.path, "label").split("\n") if self.path.exists() else []
        objects = [
            self._object(line.split(), f"{self.path}, line {number}", np.array([width, height]))
            for number, line in enumerate(lines, start=1)
            if line.strip()
        ]
        smaller_last = sorted(objects, key=lambda thing: -area(thing.shapes))
        return painted(self.path, self.image, (height, width), smaller_last)

    def _object(
        self, fields: list[str], where: str, sides: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    ) -> Object:
        try:
            label, numbers = int(fields[0]), np.array(fields[1:], np.float64)
        except (ValueError, OverflowError):
            raise DataError(f"{where}: expected numbers", _LINE) from None
        if not 0 <= label < len(self.names) - 1:
            raise DataError(
                f"{where}: class {label}, but there are names for 0 to {len(self.names) - 2}",
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
        name = self.names[label + 1]
        return Object(label + 1, f"{name} ({where})", (Outline(numbers.reshape(-1, 2) * sides),))


@dataclass(frozen=True, slots=True)
class _Lists:
    """names as a list or as "0: name"; path, train and val, which may be missing, name folders."""

    names: Annotated[
        list[ClassName], BeforeValidator(lambda names: _in_order(names) if isinstance(names, dict) else names)
    ]
    path: str = ""
    train: str | list[str] | None = None
    val: str | list[str] | None = None
    test: str | list[str] | None = None


def _in_order(names: "dict[object, object]") -> list[object]:
    if set(names) != set(range(len(names))):
        raise ValueError("it should name the classes 0, 1, 2, ...")
    return [names[id_] for id_ in range(len(names))]


def yolo(root: Path, split: str) -> LabelledImages:
    """The split of the folder `root`, or of a .yaml file."""
    file = root if root.is_file() else next((root / n for n in _LISTS if (root / n).is_file()), None)
    if file is None:
        raise DataError(f"{root} has no {_LISTS[0]}", "it names the classes: names: [cat, dog]")
    lists = _read_lists(file)
    try:
        classes = Classes.named(["background", *lists.names])
    except ValueError as error:
        raise DataError(f"{file}: {error}", "correct its names") from None
    images, is_whole = _images(file.parent, lists, split)
    parts = images.parts
    last = max((index for index, part in enumerate(parts) if part == "images"), default=None)
    labels = images if last is None else Path(*parts[:last], "labels", *parts[last + 1 :])
    if not labels.is_dir():
        raise DataError(f"the labels of {images} are missing: {labels} not found", "expected NAME.txt in it")
    pictures = below(images, IMAGE_SUFFIXES)
    if orphans := sorted(below(labels, (".txt",)).keys() - pictures.keys() - _CLASS_LISTS):
        raise DataError(
            f"{len(orphans)} label files have no picture in {images}, {orphans[0]}.txt for one",
            "add the pictures, or remove the files",
        )
    entries = tuple(
        Entry(
            stem,
            ImageFile(path),
            {SEMANTIC: YoloShapes(labels / f"{stem}.txt", ImageFile(path), classes.names)},
        )
        for stem, path in sorted(pictures.items())
    )
    chosen = held_out(entries, split, 10) if is_whole else entries
    return LabelledImages(f"yolo:{root} {split}", chosen, {SEMANTIC: ClassMap.identity(classes)})


def _read_lists(file: Path) -> _Lists:
    try:
        import yaml
    except ModuleNotFoundError:
        raise MissingExtraError("yaml") from None
    text = read_text(file, "list of classes", _MOST_BYTES)
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(
            f"{file} is not YAML: {' '.join(str(error).split())[:160]}", "correct the file"
        ) from None
    return record(content, f"the list of classes {file}", _Lists)


def _images(folder: Path, lists: _Lists, split: str) -> tuple[Path, bool]:
    """The folder of the split's pictures, and whether it holds all splits, which it does if the file names it
    for training and validation. Raises SplitError if there is none.
    """
    named = {"train": lists.train, "val": lists.val, "test": lists.test}.get(split)
    base = folder / Path(lists.path).expanduser()
    places = []
    if isinstance(named, str):
        plain = PurePosixPath(portable(named))
        inside = PurePosixPath(*(part for part in plain.parts if part != ".."))
        places += [base / plain, folder / plain, folder / inside]  # some tools write ../train/images
    names = (split, "valid") if split == "val" else (split,)
    places += [place for name in names for place in (folder / "images" / name, folder / name / "images")]
    for place in places:
        if place.is_dir():
            return place, named is not None and lists.train == lists.val
    whole = folder / "images"
    if whole.is_dir() and not any((whole / name).is_dir() for name in ("train", "val", "valid", "test")):
        return whole, True
    raise SplitError(f'no split "{split}": {places[0]} not found', "expected a folder of pictures")


SOURCE = Source(
    kind="yolo",
    title="Pictures with YOLO's text files for segmentation",
    read=yolo,
    splits=("train", "val"),
    layout="data.yaml (names) + images/SPLIT/NAME.jpg + labels/SPLIT/NAME.txt; or these below SPLIT/",
    get="made by you, by Ultralytics, Roboflow, or `pixelwise segment --save yolo`",
    terms="yours",
    suffixes=(".yaml", ".yml"),
)
