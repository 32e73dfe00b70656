"""Labels as palette pictures, the format of data sets and results, and the borders between labels."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.classes import Classes, voc_palette
from pixelwise.core.types import VOID, FileIds, Labels

VOID_COLOUR = (224, 224, 192)
"""Cream, as in VOC's label files."""


def mask(labels: Labels, classes: Classes) -> Image.Image:
    """A palette picture whose pixel values are the labels; unused ids have VOC's colours, VOID is cream."""
    colors = [*classes.palette, *voc_palette()[len(classes) :]]
    colors[VOID] = VOID_COLOUR
    picture = Image.frombuffer(
        "P", (labels.shape[1], labels.shape[0]), np.ascontiguousarray(labels), "raw", "P", 0, 1
    )
    picture.putpalette([channel for color in colors for channel in color])
    return picture


def borders(ids: FileIds) -> npt.NDArray[np.uint8]:
    """255 at pixels of (H, W) whose right or lower neighbour has another id, 0 elsewhere."""
    found = np.zeros(ids.shape, np.uint8)
    found[:, :-1][ids[:, :-1] != ids[:, 1:]] = 255
    found[:-1][ids[:-1] != ids[1:]] = 255
    return found
