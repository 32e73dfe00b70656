"""CVAT's XML ("CVAT for images 1.1"): the polygons of all pictures in one file.

Polygons have no holes there; later ones lie above earlier ones. So a hole that shows background is a polygon
of the label "background". Source: docs.cvat.ai, "XML annotation format".
"""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from pixelwise.core.classes import Classes
from pixelwise.data.annotations.names import class_names, picture_name
from pixelwise.data.annotations.painters_order import painters_order
from pixelwise.data.annotations.regions import AnnotatedPicture


def write_cvat(file: BinaryIO, pictures: Iterable[AnnotatedPicture], classes: Classes, folder: Path) -> None:
    """Write the file for pictures with all their regions, those of the background too. Pictures are named
    relative to `folder`.
    """
    names = class_names(classes)
    colours = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in classes.palette]
    labels = "".join(
        f"<label><name>{escape(name)}</name><color>{colour}</color><attributes/></label>\n"
        for name, colour in zip(names, colours, strict=True)
    )
    file.write(b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n')
    file.write(f"<meta><task><labels>\n{labels}</labels></task></meta>\n".encode())
    for number, picture in enumerate(pictures):
        name = quoteattr(picture_name(picture.path, folder))
        height, width = picture.size
        file.write(f'<image id="{number}" name={name} width="{width}" height="{height}">\n'.encode())
        for label, outline in painters_order(picture.regions, classes.background, picture.size):
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in outline.points.tolist())
            line = f'<polygon label={quoteattr(names[label])} source="auto" occluded="0" points="{points}"'
            file.write(f'{line} z_order="0"/>\n'.encode())
        file.write(b"</image>\n")
    file.write(b"</annotations>\n")
