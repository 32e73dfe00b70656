"""YOLO's text files for segmentation: a line per region, its class and its outline as shares of the sides.

An outline has no holes there. A hole is joined to the outer ring by a bridge of no width, which is walked in
both directions. Classes are counted without the background. Source: docs.ultralytics.com/datasets/segment.
"""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import Classes
from pixelwise.data.annotations.names import class_names, path_from
from pixelwise.data.annotations.regions import AnnotatedPicture, Region


def yolo_text(picture: AnnotatedPicture, classes: Classes) -> str:
    """The lines of a picture."""
    ids = [id_ for id_ in range(len(classes)) if id_ != classes.background]
    sides = np.array([picture.size[1], picture.size[0]], np.float64)
    lines = []
    for region in picture.regions:
        if region.id in ids:
            shares = (keyholed(region) / sides).reshape(-1).tolist()
            lines.append(f"{ids.index(region.id)} {' '.join(f'{share:.9g}' for share in shares)}\n")
    return "".join(lines)


def yolo_yaml(classes: Classes, images: Path, folder: Path) -> str:
    """The text of data.yaml in `folder`: the names of the classes, and where the pictures are.

    Texts in JSON are texts in YAML, unless they have escaped surrogates, which YAML does not join.
    """
    names = [name for id_, name in enumerate(class_names(classes)) if id_ != classes.background]
    place = _quoted(path_from(folder, images))
    lines = [f"  {id_}: {_quoted(name)}\n" for id_, name in enumerate(names)]
    return f"train: {place}\nval: {place}\nnames:\n" + "".join(lines)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f")


def keyholed(region: Region) -> npt.NDArray[np.int64]:
    """The region as one ring: each hole is joined to the nearest corner of the outer ring."""
    outer = region.outer
    joined: dict[int, list[npt.NDArray[np.int64]]] = {}
    for hole in region.holes:
        nearest = int(np.square(outer - hole[0]).sum(axis=1).argmin())
        joined.setdefault(nearest, []).append(hole)
    parts = []
    done = 0
    for corner in sorted(joined):
        parts.append(outer[done : corner + 1])
        for hole in joined[corner]:
            parts += [hole, hole[:1], outer[corner : corner + 1]]
        done = corner + 1
    return np.concatenate([*parts, outer[done:]])
