"""What the pictures of the docs have in common."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

INK, PAPER = (40, 40, 45), (255, 255, 255)
TINT = np.array([30, 90, 230])


def row(pictures: Mapping[str, Image.Image], width: int = 300) -> Image.Image:
    """Pictures of one shape side by side, each reduced to `width` pixels, under its caption."""
    font, gap, caption = ImageFont.load_default(14), 8, 24
    first = next(iter(pictures.values()))
    height = round(width * first.height / first.width)
    page = Image.new("RGB", (len(pictures) * (width + gap) + gap, caption + height + gap), PAPER)
    draw = ImageDraw.Draw(page)
    for column, (text, picture) in enumerate(pictures.items()):
        left = gap + column * (width + gap)
        draw.text((left, 4), text, INK, font)
        page.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (left, caption))
    return page


def tinted(photo: npt.NDArray[np.uint8], inside: npt.NDArray[np.bool_]) -> Image.Image:
    """The photo, the inside in blue and all else grey."""
    grey = photo.mean(2, keepdims=True).repeat(3, 2)
    shown = np.where(inside[..., None], 0.45 * photo + 0.55 * TINT, 0.35 * grey + 0.65 * 255)
    return Image.fromarray(shown.astype(np.uint8))
