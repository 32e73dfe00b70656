"""Convert Pillow's modes to 8-bit RGB, strip by strip."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

Strips = Callable[[], Iterator[tuple[int, Image.Image]]]


def to_rgb(image: Image.Image, strips: Strips) -> Iterator[tuple[int, Image.Image]]:
    """The strips of `image` as RGB; `strips` may be called twice, since some modes need their extremes first.

    Transparent pixels are blended with white. Grey of 16 bits is scaled from 0..65535. Integers of 32 bits
    and floats have no fixed range: floats within 0..1 are scaled from it; values within 0..255 stay; integers
    within 0..65535 are scaled from it; anything else is scaled from its smallest to its largest finite value.
    """
    if image.mode in ("I", "F"):
        low, high = _range_of(image, strips)
        for top, strip in strips():
            yield top, _grey(np.asarray(strip), low, high)
    elif image.mode.startswith("I;16"):
        for top, strip in strips():
            yield top, _grey(np.asarray(strip), 0.0, 65535.0)
    else:
        for top, strip in strips():
            yield top, _plain_rgb(strip)


def _plain_rgb(strip: Image.Image) -> Image.Image:
    if strip.mode in ("La", "RGBa"):
        strip = strip.convert(strip.mode.upper())
    if not strip.has_transparency_data:
        return strip.convert("RGB")
    clear = strip.convert("RGBA")
    white = Image.new("RGB", clear.size, "white")
    white.paste(clear, mask=clear.getchannel("A"))
    return white


def _range_of(image: Image.Image, strips: Strips) -> tuple[float, float]:
    """The values that become black and white."""
    low, high = np.inf, -np.inf
    for _, strip in strips():
        values = np.asarray(strip)
        values = values[np.isfinite(values)]
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if image.format == "PNG":
        return 0.0, 65535.0  # older Pillow reads grey PNG of 16 bits as 32-bit integers
    if image.mode == "F" and low >= 0 and high <= 1:
        return 0.0, 1.0
    if low >= 0 and high <= 255:
        return 0.0, 255.0
    if image.mode == "I" and low >= 0 and high <= 65535:
        return 0.0, 65535.0
    return (low, high) if low < high else (0.0, 255.0)


def _grey(values: npt.NDArray[np.generic], low: float, high: float) -> Image.Image:
    shares = (values.astype(np.float64) - low) / (high - low) * 255
    shares = np.clip(np.nan_to_num(shares, nan=0.0, posinf=255.0, neginf=0.0), 0, 255)
    return Image.fromarray(np.rint(shares).astype(np.uint8)).convert("RGB")
