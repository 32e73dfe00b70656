"""Values of a grey or palette picture as its file stores them, where Pillow shows other ones.

Pillow stretches grey of 2 and 4 bits to 0..255 and PGM files of any maximum to 0..255 or 0..65535, and it
inverts files in which 0 is white. That is right for photos and wrong for ids and measurements.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_DEEP = ("I", "F")
_UNSTRETCHED = {"1": 1, "L": 255}


def is_grey(image: Image.Image) -> bool:
    """Whether the picture has one value a pixel, a whole number."""
    return image.mode in ("1", "L", "P", "I") or image.mode.startswith("I;16")


def stored(image: Image.Image) -> npt.NDArray[Any]:
    """(H, W) values of a picture that is grey, see `is_grey`. Call it before anything decodes the picture."""
    restore = _restoring(image)
    values = np.array(image)
    return restore(values.astype(np.uint8) if values.dtype == np.bool_ else values)


def _restoring(image: Image.Image) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
    """From the values that Pillow shows to those in the file."""
    decoder, coding, maximum = _coding(image)
    if decoder in ("ppm", "ppm_plain") and maximum is not None:
        shown = 65535 if image.mode in _DEEP else 255
        return lambda values: np.rint(values * (maximum / shown)).astype(values.dtype)
    raw_mode, _, detail = coding.partition(";")
    if raw_mode != image.mode or image.mode not in _UNSTRETCHED:
        return lambda values: values
    white = _UNSTRETCHED[image.mode]
    step = {"2": 85, "4": 17}.get(detail[:1], 1)
    if "I" in detail:
        return lambda values: (white - values) // step
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
