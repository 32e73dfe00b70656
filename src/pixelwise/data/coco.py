"""COCO's JSON: instances (polygons and run lengths) or panoptic (a PNG of segment ids a picture).

Instances become "background" and the categories in the order of their ids; smaller objects lie on larger
ones, whatever their order in the file, and crowds count as their category. A panoptic file has categories
only; its pixels of no segment are void. Source: Lin et al. 2014, Kirillov et al. 2019; cocodataset.org.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.data.class_map import ClassMap
from pixelwise.data.folder import held_out
from pixelwise.data.parts import ColourFile, ImageFile, Part, read_json
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.shapes import Outline, Runs, Shape, area, paint, ring
from pixelwise.data.source import Source, one_of
from pixelwise.errors import DataError, SplitError
from pixelwise.labels import Classes
from pixelwise.types import VOID, FileIds

_GROUND = -1
"""The id of pixels without object or segment; categories may have the id 0."""


@dataclass(frozen=True)
class Instances:
    """The objects of one picture, as the JSON has them, with their category ids."""

    path: Path
    picture: str
    size: tuple[int, int]
    objects: tuple[tuple[int, Any], ...]

    def read(self) -> FileIds:
        try:
            shapes = [(category, _shape(outline, self.size)) for category, outline in self.objects]
            return paint(self.size, sorted(shapes, key=lambda pair: -area(pair[1])), _GROUND)
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"{self.path}: an object in {self.picture} cannot be drawn: {error}", "mend or remove it"
            ) from None


@dataclass(frozen=True)
class Panoptic:
    """A picture of segment ids (red + 256 green + 65536 blue), and the category of each."""

    path: Path
    categories: Mapping[int, int]

    def read(self) -> FileIds:
        colours = ColourFile(self.path).read()
        segments = (colours >> 16) | (colours & 0xFF00) | ((colours & 0xFF) << 16)
        values, places = np.unique(segments, return_inverse=True)
        known = {0: _GROUND} | dict(self.categories)
        if missing := [value for value in values.tolist() if value not in known]:
            raise DataError(
                f"{self.path} holds segments that its JSON does not name: {missing[:8]}",
                "the pictures and the JSON must be of one release",
            )
        return np.array([known[value] for value in values.tolist()], np.int32)[places].reshape(segments.shape)


def coco(root: Path, split: str, images: str = "", labels: str = "") -> LabelledImages:
    """The split of COCO's folder `root`, or of a single JSON file (where it is chosen as in folder.py).

    `images` is the folder of the pictures; `labels` is "instances" (default) or "panoptic".
    """
    one_of("labels", labels, ("", "instances", "panoptic"))
    file = root if root.is_file() else annotation_file(root, split, labels)
    content = read_json(file, "annotation file")
    place = Path(images).expanduser() if images else photos_of(file)
    try:
        panoptic = any("segments_info" in entry for entry in content["annotations"][:1])
        entries = tuple((_panoptic if panoptic else _instances)(content, file, place))
        class_map = class_map_of(content["categories"], panoptic)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else f"is not COCO's: {error}"
        raise DataError(f"{file} {what}", "it should hold images, annotations and categories") from None
    chosen = held_out(entries, split, 10) if root.is_file() else entries
    return LabelledImages(f"coco:{root} {split}", chosen, {SEMANTIC: class_map})


def annotation_file(root: Path, split: str, labels: str) -> Path:
    """The JSON of the split below the folder `root`; `labels` as in `coco`.

    Raises SplitError if there is none, DataError if several begin so, as val2014 and val2017.
    """
    kinds = [labels] if labels else ["instances", "panoptic"]
    for kind in kinds:
        exact = root / "annotations" / f"{kind}_{split}.json"
        found = [exact] if exact.is_file() else sorted(exact.parent.glob(f"{kind}_{split}*.json"))
        if len(found) > 1:
            years = ", ".join(path.stem.removeprefix(f"{kind}_") for path in found)
            raise DataError(f'the split "{split}" of {root} may be any of {years}', "name one of these")
        if found:
            return found[0]
    for name in (split, "valid" if split == "val" else split):
        path = root / name / "_annotations.coco.json"
        if path.is_file():
            return path
    expected = root / "annotations" / f"{kinds[0]}_{split}*.json"
    raise SplitError(f'no split "{split}": {expected} not found', "PATH may also name a JSON file itself")


def photos_of(file: Path) -> Path:
    """Where the pictures of an annotation file usually are."""
    name = file.stem.partition("_")[2]
    for place in (file.parent.parent / name, file.parent.parent / "images" / name, file.parent / "images"):
        if name and place.is_dir():
            return place
    return file.parent


def _instances(content: dict[str, Any], file: Path, photos: Path) -> Iterator[Entry]:
    objects: dict[int, list[tuple[int, Any]]] = {}
    for entry in content["annotations"]:
        outline = entry.get("segmentation")
        if outline:
            objects.setdefault(entry["image_id"], []).append((entry["category_id"], outline))
    for picture in sorted(content["images"], key=lambda picture: str(picture["file_name"])):
        name, size = str(picture["file_name"]), (int(picture["height"]), int(picture["width"]))
        part = Instances(file, name, size, tuple(objects.get(picture["id"], ())))
        yield _entry(name, photos, part)


def _panoptic(content: dict[str, Any], file: Path, photos: Path) -> Iterator[Entry]:
    names = {picture["id"]: str(picture["file_name"]) for picture in content["images"]}
    pictures = file.parent / file.stem
    for entry in sorted(content["annotations"], key=lambda entry: str(entry["file_name"])):
        categories = {segment["id"]: segment["category_id"] for segment in entry["segments_info"]}
        part = Panoptic(pictures / str(entry["file_name"]), categories)
        yield _entry(names[entry["image_id"]], photos, part)


def _entry(name: str, photos: Path, part: Part[FileIds]) -> Entry:
    return Entry(str(Path(name).with_suffix("")), ImageFile(photos / name), {SEMANTIC: part})


def class_map_of(categories: list[dict[str, Any]], panoptic: bool = False) -> ClassMap:
    """From category ids to classes: background first, but not for a panoptic file, then by id."""
    named = {int(entry["id"]): str(entry["name"]) for entry in categories}
    names = [named[id_] for id_ in sorted(named)]
    if not panoptic:
        names = ["background", *(name for name in names if name != "background")]
    table = {id_: names.index(name) for id_, name in named.items()}
    return ClassMap(Classes.named(names), table | {_GROUND: VOID if panoptic else 0})


def _shape(outline: Any, size: tuple[int, int]) -> Shape:
    if isinstance(outline, dict):
        counts = outline["counts"]
        lengths = _decoded(counts) if isinstance(counts, str) else tuple(counts)
        height, width = outline.get("size", size)
        return Runs(lengths, int(height), int(width), by_column=True)
    return Outline(tuple(ring(numbers) for numbers in outline))


def _decoded(text: str) -> tuple[int, ...]:
    """COCO's compressed run lengths: five bits a character, from the fourth on as differences two back."""
    lengths: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            value -= (1 << shift) if code & 16 else 0
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    return tuple(lengths)


SOURCE = Source(
    kind="coco",
    title="COCO, and whatever else comes as COCO's instance or panoptic JSON",
    read=coco,
    splits=("train", "val"),
    layout="annotations/{instances,panoptic}_SPLIT*.json + SPLIT*/FILE.jpg "
    "(+ annotations/panoptic_SPLIT*/FILE.png); SPLIT/_annotations.coco.json; or one JSON file",
    get="https://cocodataset.org/#download",
    terms="annotations CC BY 4.0; Flickr photos under their own terms",
    options={"images": "the folder of the pictures", "labels": "instances (default) or panoptic"},
    suffixes=(".json",),
)
