"""Draw labels from the objects of an annotation file, and report objects that are not visible."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.types import Labels
from pixelwise.data.formats.outlines import Outline, Runs, Shape, Shown, paint
from pixelwise.data.sample_files import Picture

_BYTES = 6  # of a pixel: whose it is, its id and masks


@dataclass(frozen=True)
class Object:
    """An object of a picture: its class id, its name for messages, and its shapes, whose union is drawn.
    `undrawn` says why it has no shapes, if the format has objects that are not drawn.
    """

    label: int
    name: str
    shapes: tuple[Shape, ...]
    undrawn: str = ""


def painted(
    path: Path, image: Picture, size: tuple[int, int], objects: Sequence[Object], ground: int = 0
) -> tuple[Labels, tuple[str, ...]]:
    """(H, W) class ids, each object above those before it and `ground` elsewhere; and a phrase for each
    object that has no pixel in the labels, or whose coordinates seem to be shares of the picture's size.

    `path` is the annotation file, according to which the picture has this `size`. Raises DataError with both
    names if the size is wrong, before an array of that size is allocated, and if a shape cannot be drawn.
    """
    expect_size(path, image, size)
    try:
        with PICTURES.reserve(_BYTES * size[0] * size[1]):
            ids, shows = paint(size, [(thing.label, thing.shapes) for thing in objects], ground)
    except ValueError as error:
        raise DataError(
            f"{path}: an object in {image.path} cannot be drawn: {error}", "correct or remove it"
        ) from None
    doubts = (_doubt(thing, shown, size) for thing, shown in zip(objects, shows, strict=True))
    return ids, tuple(f"{thing.name}, {doubt}" for thing, doubt in zip(objects, doubts, strict=True) if doubt)


def expect_size(path: Path, image: Picture, size: tuple[int, int]) -> None:
    """Raise DataError unless the picture has this size, or this size rotated by its EXIF orientation."""
    real = image.size()
    if size not in (real, real[::-1]):
        raise DataError(
            f"{image.path} is {real[1]} x {real[0]} pixels, but {path} says {size[1]} x {size[0]}",
            "labels need the picture they were drawn on, not one resized or turned",
        )


def fit_shares(numbers: Iterable[float]) -> bool:
    """Whether coordinates can be shares of the picture's size: from 0 to 1. Tools round, and people draw
    beyond the edges, so a tenth more is included.
    """
    return all(-0.1 <= number <= 1.1 for number in numbers)


def are_shares(numbers: Sequence[float]) -> bool:
    """Whether coordinates must be shares of the picture's size: they fit, but are not pixel borders."""
    return fit_shares(numbers) and any(number % 1 for number in numbers)


def _doubt(thing: Object, shown: Shown, size: tuple[int, int]) -> str:
    """Why the object is not visible, or nothing."""
    outlines = [shape.points for shape in thing.shapes if isinstance(shape, Outline) and len(shape.points)]
    masks = [shape for shape in thing.shapes if isinstance(shape, Runs)]
    if not masks and are_shares([float(v) for points in outlines for v in points.ravel()]):
        return "whose coordinates lie between 0 and 1: are they shares of the picture's size, not pixels?"
    if shown is Shown.VISIBLE:
        return ""
    if shown is Shown.COVERED:
        return "which later objects cover"
    if thing.undrawn:
        return thing.undrawn
    if masks:
        return "whose mask is empty or lies outside the picture"
    if all(len(points) < 3 for points in outlines):
        points = sum(map(len, outlines))
        return f"which has {points or 'no'} point{'s' * (points != 1)}, too few for an outline"
    outside = [
        points.max(0)[0] <= 0
        or points.max(0)[1] <= 0
        or points.min(0)[0] >= size[1]
        or points.min(0)[1] >= size[0]
        for points in outlines
    ]
    return (
        "which lies outside the picture" if all(outside) else "which is too small to cover a pixel's centre"
    )
