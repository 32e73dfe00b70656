"""A table of regions as CSV: picture, class, area, box, centroid and confidence of each."""

import csv
import io
from collections.abc import Iterable
from typing import BinaryIO

from pixelwise.core.classes import Classes
from pixelwise.core.terminal import printable
from pixelwise.data.annotations.names import file_name
from pixelwise.data.annotations.regions import AnnotatedPicture

COLUMNS = (
    *("picture", "class", "id", "area", "share", "left", "top", "width", "height"),
    *("centroid_x", "centroid_y", "confidence"),
)


def write_region_table(file: BinaryIO, pictures: Iterable[AnnotatedPicture], classes: Classes) -> None:
    """Write a row per region that is not background. area: pixels; share: of the picture, 0 to 1; places and
    sizes: pixels; confidence: 0 to 1.
    """
    table = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(table)
    rows.writerow(COLUMNS)
    for picture in pictures:
        total = picture.size[0] * picture.size[1]
        for region in picture.regions:
            if region.id == classes.background:
                continue
            name = text_cell(classes.names[region.id])
            centroid = (f"{value:.2f}" for value in region.centroid)
            confidence = "" if region.confidence is None else f"{region.confidence:.4f}"
            share = f"{region.area / total:.6g}"
            rows.writerow(
                [
                    guarded(file_name(picture.path)),
                    name,
                    region.id,
                    region.area,
                    share,
                    *region.box,
                    *centroid,
                    confidence,
                ]
            )
    table.detach()


def text_cell(text: object) -> str:
    """Text for a cell, on one line."""
    return guarded(printable(text))


def guarded(text: str) -> str:
    """The text; what a spreadsheet would run as a formula begins with an apostrophe."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
