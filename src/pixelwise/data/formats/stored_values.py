"""Recover the values of a grey or palette picture as its file stores them, if Pillow changes them.

Pillow scales grey of 2 and 4 bits to 0..255 and PGM files of any maximum to 0..255 or 0..65535, and it
inverts files in which 0 is white. This is right for photos and wrong for ids and measurements.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Values = npt.NDArray[Any]
Restore = Callable[[Values], Values]


def is_grey(image: Image.Image) -> bool:
    """Whether the picture has one integer per pixel."""
    return image.mode in ("1", "L", "P", "I") or image.mode.startswith("I;16")


def restoring(image: Image.Image) -> Restore:
    """A function from Pillow's values of a picture that is not yet decoded to those in its file.

    Values of pictures that are not grey, see `is_grey`, stay as they are.
    """
    decoder, coding, maximum = _coding(image)
    if decoder in ("ppm", "ppm_plain") and maximum is not None and is_grey(image):
        shown = 255 if image.mode == "L" else 65535
        return lambda values: np.rint(values * (maximum / shown)).astype(values.dtype)
    raw_mode, _, detail = coding.partition(";")
    if image.mode == "1":
        return lambda values: (values ^ ("I" in detail)).astype(np.uint8)
    if raw_mode != image.mode or image.mode != "L":
        return lambda values: values
    step = {"2": 85, "4": 17}.get(detail[:1], 1)
    if "I" in detail:
        return lambda values: (255 - values) // step
    return lambda values: values // step


def _coding(image: Image.Image) -> tuple[str, str, int | None]:
    """Pillow's decoder, its name for the layout of pixels, and the largest value that a PGM file declares."""
    tiles: list[Any] = getattr(image, "tile", [])
    if not tiles:
        return "", "", None
    decoder, arguments = str(tiles[0][0]), tiles[0][3]
    if not isinstance(arguments, tuple):
        return decoder, str(arguments or ""), None
    maximum = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], int) else None
    return decoder, str(arguments[0]) if arguments else "", maximum
