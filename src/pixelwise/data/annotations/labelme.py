"""labelme's JSON: a file per picture, which labelme opens for correction.

Polygons have no holes there; later ones lie above earlier ones. So a hole that shows background is a polygon
with the label `_background_`, as labelme's own scripts call it. Source: github.com/wkentaro/labelme.
"""

import base64
import json
from pathlib import Path
from typing import Any

from pixelwise.core.classes import Classes
from pixelwise.data.annotations.names import class_names, path_from
from pixelwise.data.annotations.painters_order import painters_order
from pixelwise.data.annotations.regions import AnnotatedPicture

BACKGROUND, IGNORE = "_background_", "__ignore__"


def labelme_json(
    picture: AnnotatedPicture, classes: Classes, folder: Path, content: bytes | None = None
) -> str:
    """The text of a JSON file in `folder` for a picture with all its regions, those of the background too.

    content: of a picture file, if it is kept in the JSON file, as for pictures without a file that labelme
    opens.
    """
    names = labelme_names(classes)
    shapes = [
        {
            "label": names[label],
            "points": outline.points.tolist(),
            "group_id": None,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
        }
        for label, outline in painters_order(picture.regions, classes.background, picture.size)
    ]
    record: dict[str, Any] = {
        "version": "5.5.0",
        "flags": {},
        "imagePath": path_from(folder, picture.path),
        "imageData": None if content is None else base64.b64encode(content).decode(),
        "imageHeight": picture.size[0],
        "imageWidth": picture.size[1],
    }
    lines = ",\n".join(map(json.dumps, shapes))  # with a number on each line, writing is much slower
    return f'{{"shapes": [\n{lines}\n],\n{json.dumps(record)[1:]}'


def labelme_names(classes: Classes) -> list[str]:
    """The labels by class id."""
    names = class_names(classes, (IGNORE, BACKGROUND))
    if classes.background is not None:
        names[classes.background] = BACKGROUND
    return names


def labels_txt(classes: Classes) -> str:
    """The list for labelme's option --labels, which also tells our reader the order of the classes."""
    names = [name for name in labelme_names(classes) if name != BACKGROUND]
    return "".join(f"{name}\n" for name in (IGNORE, BACKGROUND, *names))
