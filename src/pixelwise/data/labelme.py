"""labelme: a JSON file of shapes beside each picture, at the top or below train/ and val/.

Classes are "background" and, in the order of labels.txt (or classes.txt) or else of the alphabet, the labels;
`__ignore__` is void and `_background_` background, as in labelme's own scripts. Later shapes lie on earlier
ones; lines are 10 pixels wide and points have a radius of 5, again as there. Source:
github.com/wkentaro/labelme.
"""

import base64
import binascii
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixelwise.data.class_map import ClassMap
from pixelwise.data.folder import held_out
from pixelwise.data.parts import ImageFile, read_json, read_text
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.shapes import Outline, Runs, box, ellipse, paint, ring, runs_of, stroke
from pixelwise.data.source import Source
from pixelwise.errors import DataError, SplitError
from pixelwise.labels import Classes
from pixelwise.types import VOID, FileIds, RGBImage

_BACKGROUND = ("_background_", "background")
_IGNORE = "__ignore__"


@dataclass(frozen=True)
class LabelmeShapes:
    """The shapes of one JSON file; `ids` are those of the labels."""

    path: Path
    ids: dict[str, int]

    def read(self) -> FileIds:
        content = read_json(self.path, "label")
        try:
            size = int(content["imageHeight"]), int(content["imageWidth"])
            shapes = [
                (self._id(str(shape["label"])), drawn)
                for shape in content["shapes"]
                for drawn in _drawn(shape)
            ]
            return paint(size, shapes)
        except (KeyError, TypeError, ValueError, IndexError, OSError) as error:
            what = f"has no {error}" if isinstance(error, KeyError) else f"cannot be drawn: {error}"
            raise DataError(f"the label {self.path} {what}", "save it anew with labelme") from None

    def _id(self, label: str) -> int:
        if label not in self.ids:
            raise DataError(
                f'the label {self.path} names "{label}", which is not among {", ".join(self.ids)}',
                "add it to labels.txt, or mend the name",
            )
        return self.ids[label]


@dataclass(frozen=True)
class EmbeddedImage:
    """The picture that a JSON file carries within itself."""

    path: Path

    def read(self) -> RGBImage:
        content = read_json(self.path, "label")
        try:
            with Image.open(io.BytesIO(base64.b64decode(content["imageData"]))) as image:
                return np.array(image.convert("RGB"))
        except (OSError, ValueError, TypeError, KeyError, binascii.Error) as error:
            raise DataError(
                f"the picture within {self.path} cannot be read: {error}", "save it anew with labelme"
            ) from None


def labelme(root: Path, split: str) -> LabelledImages:
    """The split of the folder `root`."""
    own = root / split
    everywhere = sorted([*root.glob("*.json"), *root.glob("*/*.json")])
    files = sorted((own if own.is_dir() else root).glob("*.json"))
    if not files:
        raise SplitError(
            f'no split "{split}": no JSON files in {own if own.is_dir() else root}',
            "PATH must name the folder with a .json file of labelme beside each picture",
        )
    labels, pictures = set(), {}
    for file in everywhere:
        content = read_json(file, "label")
        shapes = content.get("shapes", [])
        if not isinstance(shapes, list):
            raise DataError(f'the label {file} has "shapes" that are no list', "save it anew with labelme")
        pictures[file] = content.get("imagePath"), bool(content.get("imageData"))
        labels |= {str(shape.get("label")) for shape in shapes if isinstance(shape, dict)}
    names = ["background", *_names(root, labels)]
    ids = {name: id_ for id_, name in enumerate(names)} | {"_background_": 0, _IGNORE: VOID}
    entries = tuple(
        Entry(file.stem, _picture(file, *pictures[file]), {SEMANTIC: LabelmeShapes(file, ids)})
        for file in files
    )
    chosen = entries if own.is_dir() else held_out(entries, split, 10)
    return LabelledImages(
        f"labelme:{root} {split}", chosen, {SEMANTIC: ClassMap.identity(Classes.named(names))}
    )


def _names(root: Path, labels: set[str]) -> list[str]:
    for file in (root / "labels.txt", root / "classes.txt"):
        if file.is_file():
            names = [line.strip() for line in read_text(file, "list of classes").splitlines() if line.strip()]
            break
    else:
        names = sorted(labels)
    return [name for name in names if name not in (*_BACKGROUND, _IGNORE)]


def _picture(file: Path, name: Any, embedded: bool) -> ImageFile | EmbeddedImage:
    path = file.parent / str(name or f"{file.stem}.jpg").replace("\\", "/")
    return EmbeddedImage(file) if embedded and not path.is_file() else ImageFile(path)


def _drawn(shape: dict[str, Any]) -> list[Outline] | list[Runs]:
    kind = shape.get("shape_type") or "polygon"
    points = ring([number for point in shape["points"] for number in point])
    xs, ys = [x for x, _ in points], [y for _, y in points]
    if kind == "polygon":
        return [Outline((points,))]
    if kind == "rectangle":
        return [box(min(xs), min(ys), max(xs), max(ys))]
    if kind == "circle":
        radius = math.dist(*points)
        return [ellipse(points[0], (radius, radius))]
    if kind in ("line", "linestrip"):
        return stroke(points, 10)
    if kind in ("point", "points"):
        return [ellipse(point, (5, 5)) for point in points]
    if kind == "mask":
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as image:
            mask = np.array(image.convert("L")) > 0
        return [runs_of(mask, round(min(xs)), round(min(ys)))]
    raise ValueError(f'shapes of type "{kind}" are not known')


SOURCE = Source(
    kind="labelme",
    title="Pictures labelled with labelme",
    read=labelme,
    splits=("train", "val"),
    layout="NAME.jpg + NAME.json (labelme 4 or 5), labels.txt; at the top or below train/ and val/",
    get="made by you with https://github.com/wkentaro/labelme",
    terms="yours",
)
