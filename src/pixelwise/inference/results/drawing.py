"""Draw labels: overlay and legend."""

from collections.abc import Sequence
from math import log2

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from pixelwise.core.classes import RGB, Classes
from pixelwise.core.pictures.label_pictures import borders, mask
from pixelwise.core.terminal import printable
from pixelwise.core.types import Labels, RGBImage
from pixelwise.inference.probabilities import Area
from pixelwise.inference.results.tints import tints

_SMALLEST_OVERLAY = 320  # smaller pictures are enlarged, so that the legend below them can be read
_LONGEST_NAME = 60  # characters; a legend grows as wide as its longest name
_PANEL: RGB = (24, 24, 27)
_TEXT: RGB = (235, 235, 235)


def resized(photo: RGBImage, size: tuple[int, int]) -> RGBImage:
    """The photo enlarged or reduced to (height, width)."""
    if photo.shape[:2] == size:
        return photo
    return np.array(Image.fromarray(photo).resize((size[1], size[0]), Image.Resampling.BICUBIC))


def overlay(
    photo: RGBImage,
    labels: Labels,
    classes: Classes,
    areas: Sequence[Area],
    opacity: float,
    outlines: bool,
) -> Image.Image:
    """Tint classes in their `tints`, grey the background, outline regions; a legend if there are `areas`."""
    picture = Image.fromarray(photo)
    if areas and max(picture.size) < _SMALLEST_OVERLAY:
        factor = -(-_SMALLEST_OVERLAY // max(picture.size))
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)
        labels = labels.repeat(factor, 0).repeat(factor, 1)

    tint = mask(labels, Classes(classes.names, tints(classes))).convert("RGB")
    drawn = Image.blend(picture, tint, opacity)
    if classes.background is not None:
        grey = ImageEnhance.Color(picture).enhance(0.25)
        dimmed = Image.blend(grey, Image.new("RGB", grey.size, _PANEL), 0.6 * opacity)
        drawn.paste(dimmed, mask=Image.fromarray((labels == classes.background).astype(np.uint8) * 255))
    if outlines:
        _outline(drawn, labels)
    return _with_legend(drawn, classes, areas) if areas else drawn


def line_width(size: tuple[int, ...]) -> int:
    """Pixels of an outline's width in a picture of (height, width): a 450th of its longer side, but beyond
    1350 pixels only half a pixel more for each doubling, since people look at parts of large pictures.
    """
    longer = max(size)
    return max(1, round(longer / 450 if longer <= 1350 else 3 + log2(longer / 1350) / 2))


def _outline(picture: Image.Image, labels: Labels) -> None:
    """White lines along borders between labels, with a soft dark margin for light backgrounds."""
    width = line_width(labels.shape)
    border = Image.fromarray(borders(labels))
    line = border.filter(ImageFilter.MaxFilter(2 * (width // 2) + 1)) if width > 1 else border
    glow = line.filter(ImageFilter.GaussianBlur(1.5 * width)).point(lambda value: min(255, value * 2) * 0.55)
    picture.paste((0, 0, 0), mask=glow)
    picture.paste(
        (255, 255, 255),
        mask=line.filter(ImageFilter.GaussianBlur(0.35 * width)).point(lambda v: min(230, v * 1.6)),
    )


def _with_legend(picture: Image.Image, classes: Classes, areas: Sequence[Area]) -> Image.Image:
    """The picture above a legend: colour, name and share of each class, largest first, in rows."""
    shown = [entry for entry in areas if entry.id != classes.background and entry.area >= 0.0005] or list(
        areas[:1]
    )
    size = max(12, round(min(max(picture.size) / 36, picture.width / 18)))
    font = ImageFont.load_default(size)
    pad, line = round(size * 0.7), round(size * 1.5)
    entries = [(entry, _legend_text(entry)) for entry in shown]
    widths = [size + pad // 2 + round(font.getlength(text)) + 2 * pad for _, text in entries]

    places, x, y = [], pad, pad
    total = max(picture.width, pad + max(widths))
    for width in widths:
        if x > pad and x + width > total:
            x, y = pad, y + line
        places.append((x, y))
        x += width
    panel = Image.new("RGB", (total, y + line + pad - round(size * 0.5)), _PANEL)
    draw = ImageDraw.Draw(panel)
    for (entry, text), (x, y) in zip(entries, places, strict=True):
        swatch = (x, y, x + size, y + size)
        draw.rounded_rectangle(swatch, size // 4, fill=tints(classes)[entry.id])
        draw.text((x + size + pad // 2, y + size / 2), text, _TEXT, font, anchor="lm")

    whole = Image.new("RGB", (total, picture.height + panel.height), _PANEL)
    whole.paste(picture, ((total - picture.width) // 2, 0))
    whole.paste(panel, (0, picture.height))
    return whole


def _legend_text(entry: Area) -> str:
    share = f"{entry.area:.0%}" if entry.area >= 0.01 else "<1%"
    name = printable(entry.name)
    name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."
    return f"{name} {share}"
