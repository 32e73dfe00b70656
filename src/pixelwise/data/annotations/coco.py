"""COCO's JSON of instances: an annotation per region, for all pictures in one file.

A region without holes is a polygon, one with holes is compressed run lengths. Source: cocodataset.org.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pixelwise.core.classes import Classes
from pixelwise.data.annotations.names import class_names, picture_name
from pixelwise.data.annotations.regions import AnnotatedPicture, Region
from pixelwise.data.annotations.yolo import keyholed
from pixelwise.data.formats.outlines import Outline, paint


def write_coco(file: BinaryIO, pictures: Iterable[AnnotatedPicture], classes: Classes, folder: Path) -> None:
    """Write the file; pictures are named relative to `folder`. Categories are the classes but background,
    whose ids are those of the model, plus 1 if it has no background.
    """
    offset = 1 if classes.background is None else 0  # readers of COCO keep 0 for the background
    categories = [
        {"id": id_ + offset, "name": name}
        for id_, name in enumerate(class_names(classes))
        if id_ != classes.background
    ]
    file.write(f'{{"categories": {json.dumps(categories)},\n"annotations": ['.encode())
    images: list[dict[str, Any]] = []
    written = 0
    for number, picture in enumerate(pictures, start=1):
        height, width = picture.size
        name = picture_name(picture.path, folder)
        images.append({"id": number, "file_name": name, "height": height, "width": width})
        for region in picture.regions:
            if region.id == classes.background:
                continue
            entry = {"id": written + 1, "image_id": number, "category_id": region.id + offset}
            text = json.dumps(entry | _shape(region, picture.size), allow_nan=False)
            file.write((",\n" if written else "\n").encode() + text.encode())
            written += 1
    file.write(f'],\n"images": {json.dumps(images)}}}\n'.encode())


def _shape(region: Region, size: tuple[int, int]) -> dict[str, Any]:
    segmentation: Any = [region.outer.reshape(-1).tolist()]
    if region.holes:
        segmentation = {"size": list(size), "counts": compressed(column_runs(region, size))}
    shape = {"segmentation": segmentation, "area": region.area, "bbox": list(region.box), "iscrowd": 0}
    return shape if region.confidence is None else shape | {"score": round(region.confidence, 6)}


def column_runs(region: Region, size: tuple[int, int]) -> list[int]:
    """The region as lengths of runs down the columns of a picture of `size`, outside first."""
    left, top, width, height = region.box
    ring = Outline((keyholed(region) - (left, top)).astype(np.float64))
    mask = paint((height, width), [(1, [ring])])[0].T.astype(bool)
    columns = np.zeros((width, size[0]), bool)
    columns[:, top : top + height] = mask
    flat = np.concatenate([[False], columns.reshape(-1), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + left * size[0]
    ends = np.concatenate([[0], edges, [size[0] * size[1]]])
    lengths: list[int] = np.diff(ends).tolist()
    return lengths if lengths[-1] else lengths[:-1]


def compressed(lengths: Sequence[int]) -> str:
    """Run lengths as COCO's text: five bits per character; the fourth and later ones are differences to the
    one two before.
    """
    text = []
    for index, length in enumerate(lengths):
        value = length - lengths[index - 2] if index > 2 else length
        while True:
            bits, value = value & 31, value >> 5
            more = value != (-1 if bits & 16 else 0)
            text.append(chr(48 + bits + 32 * more))
            if not more:
                break
    return "".join(text)
