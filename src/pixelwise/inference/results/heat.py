"""Numbers as colours: dark violet over blue and green to yellow, in which lightness rises evenly."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pixelwise.core.types import RGBImage
from pixelwise.inference.results.legend import PANEL, TEXT, enlargement, letters

_RAMP = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], np.float64)
"""Colours of the map viridis at 0, 1/4, 1/2, 3/4 and 1."""

_TABLE = np.stack(
    [np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, len(_RAMP)), channel) for channel in _RAMP.T], axis=1
).round()


def coloured(plane: npt.NDArray[Any], low: float, high: float) -> RGBImage:
    """(H, W, 3) of numbers (H, W): dark violet at `low` and below, yellow at `high` and above."""
    places = ((plane - low) * (255 / max(high - low, 1e-9))).clip(0, 255).round().astype(np.uint8)
    return _TABLE.astype(np.uint8)[places]


def with_scale(picture: Image.Image, title: str) -> Image.Image:
    """The picture, enlarged if it is small, above a bar of the colours from 0 to 100 %."""
    factor = enlargement(picture)
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    size = letters(picture)
    font, pad = ImageFont.load_default(size), round(size * 0.7)
    words, ends = f"{title}  0 %", "100 %"
    left, right = round(font.getlength(words)) + 2 * pad, round(font.getlength(ends)) + 2 * pad
    total = max(picture.width, left + right + 4 * size)
    length = min(total - left - right, 20 * size)
    whole = Image.new("RGB", (total, picture.height + size + 2 * pad), PANEL)
    whole.paste(picture, ((total - picture.width) // 2, 0))
    bar = coloured(np.linspace(0, 1, length)[None].repeat(size, 0), 0, 1)
    whole.paste(Image.fromarray(bar), (left, picture.height + pad))
    draw, middle = ImageDraw.Draw(whole), picture.height + pad + size / 2
    draw.text((pad, middle), words, TEXT, font, anchor="lm")
    draw.text((left + length + pad, middle), ends, TEXT, font, anchor="lm")
    return whole
