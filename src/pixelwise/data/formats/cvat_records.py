"""The pictures and shapes of CVAT's XML. Source: docs.cvat.ai, "XML annotation format"."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree

import numpy as np
from pydantic import BeforeValidator, Field

from pixelwise.data.formats.outlines import Outline, Runs, Shape, box, ellipse, stroke
from pixelwise.data.formats.records import ClassName, Coordinate, FileName, Length, Offset, Side, record

_Degrees = Coordinate
_Level = Annotated[int, Field(ge=0, le=255)]


def _pairs(text: Any) -> Any:
    """From "x,y;x,y" to pairs."""
    return [point.split(",") for point in text.split(";")] if isinstance(text, str) and text else []


_Points = Annotated[list[tuple[Coordinate, Coordinate]], BeforeValidator(_pairs)]
_Runs = Annotated[tuple[Length, ...], BeforeValidator(lambda text: text.split(","))]


@dataclass(frozen=True, slots=True)
class _Image:
    """an <image> with name, width and height."""

    name: FileName
    width: Side
    height: Side
    subset: Annotated[str, Field(max_length=200)] = ""


@dataclass(frozen=True, slots=True)
class _Any:
    """a shape with a label."""

    label: ClassName
    z_order: int = 0

    def shapes(self) -> tuple[Shape, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class _Polygon:
    """a <polygon> with label and points as "x,y;x,y;x,y"."""

    label: ClassName
    points: _Points
    z_order: int = 0

    def shapes(self) -> tuple[Shape, ...]:
        return (Outline(np.array(self.points, np.float64).reshape(-1, 2)),)


@dataclass(frozen=True, slots=True)
class _Polyline:
    """a <polyline> with label and points as "x,y;x,y"."""

    label: ClassName
    points: _Points
    z_order: int = 0

    def shapes(self) -> tuple[Shape, ...]:
        return stroke(np.array(self.points, np.float64).reshape(-1, 2), 3)


@dataclass(frozen=True, slots=True)
class _Box:
    """a <box> with label, xtl, ytl, xbr and ybr."""

    label: ClassName
    xtl: Coordinate
    ytl: Coordinate
    xbr: Coordinate
    ybr: Coordinate
    rotation: _Degrees = 0.0
    z_order: int = 0

    def shapes(self) -> tuple[Shape, ...]:
        return (box(self.xtl, self.ytl, self.xbr, self.ybr, self.rotation),)


@dataclass(frozen=True, slots=True)
class _Ellipse:
    """an <ellipse> with label, cx, cy, rx and ry."""

    label: ClassName
    cx: Coordinate
    cy: Coordinate
    rx: Coordinate
    ry: Coordinate
    rotation: _Degrees = 0.0
    z_order: int = 0

    def shapes(self) -> tuple[Shape, ...]:
        return (ellipse((self.cx, self.cy), (self.rx, self.ry), self.rotation),)


@dataclass(frozen=True, slots=True)
class _Mask:
    """a <mask> with label, rle, left, top, width and height."""

    label: ClassName
    rle: _Runs
    left: Offset
    top: Offset
    width: Side
    height: Side
    z_order: int = 0

    def shapes(self) -> tuple[Shape, ...]:
        return (Runs(self.rle, self.height, self.width, self.left, self.top),)


_DRAWN: dict[str, type[_Any | _Polygon | _Polyline | _Box | _Ellipse | _Mask]] = {
    "polygon": _Polygon,
    "polyline": _Polyline,
    "box": _Box,
    "ellipse": _Ellipse,
    "mask": _Mask,
}
_OTHERS = ("tag", "attribute")


@dataclass(frozen=True)
class CvatPicture:
    """A picture with its shapes, lowest first: the label, the shape's name for messages, its form, or the
    reason why its kind is not drawn.
    """

    name: str
    subset: str
    size: tuple[int, int]
    objects: tuple[tuple[str, str, tuple[Shape, ...], str], ...]


@dataclass(frozen=True, slots=True)
class CvatLabel:
    """a line NAME:RED,GREEN,BLUE::, colours from 0 to 255."""

    name: ClassName
    colour: tuple[_Level, _Level, _Level]


def cvat_picture(image: ElementTree.Element, file: Path) -> CvatPicture:
    """The content of an <image>. Raises DataError with the file, the picture and the wrong field."""
    head = record(image.attrib, f"{file}: an <image>", _Image)
    found = []
    for number, element in enumerate(image, start=1):
        if element.tag not in _OTHERS:
            where = f"{file}: {head.name}, <{element.tag}> in place {number}"
            shape = record(element.attrib, where, _DRAWN.get(element.tag, _Any))
            undrawn = "" if element.tag in _DRAWN else "which CVAT does not draw as a mask"
            thing = shape.label, f"{element.tag} in place {number}", shape.shapes(), undrawn
            found.append((shape.z_order, thing))
    found.sort(key=lambda entry: entry[0])
    objects = tuple(thing for _, thing in found)
    return CvatPicture(head.name, head.subset, (head.height, head.width), objects)


def cvat_labels(tree: ElementTree.Element, file: Path) -> list[str]:
    """The list of labels, which files made by hand may lack, without the points of skeletons: these have a
    parent, and may share a name.
    """
    labels = [label for label in tree.findall("meta/*/labels/label") if label.find("parent") is None]
    names = [label.findtext("name") or "" for label in labels]
    return [record({"name": name}, f"{file}: a <label>", _Label).name for name in names]


@dataclass(frozen=True, slots=True)
class _Label:
    """a <label> with the name of a class."""

    name: ClassName
