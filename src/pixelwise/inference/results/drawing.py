"""Draw labels on the photo."""

from collections.abc import Sequence
from math import log2
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from pixelwise.core.classes import Classes
from pixelwise.core.pictures.label_pictures import borders, mask
from pixelwise.core.pictures.pages import Page
from pixelwise.core.pictures.reading import Encoded, colour_profile
from pixelwise.core.types import Labels, RGBImage
from pixelwise.inference.results.legend import PANEL, Entry, enlargement, with_legend
from pixelwise.inference.results.tints import tints


def resized(photo: RGBImage, size: tuple[int, int]) -> RGBImage:
    """The photo enlarged or reduced to (height, width)."""
    if photo.shape[:2] == size:
        return photo
    return np.array(Image.fromarray(photo).resize((size[1], size[0]), Image.Resampling.BICUBIC))


def in_own_colours(picture: Image.Image, source: Path | Encoded | Page | None) -> Image.Image:
    """The picture, which was drawn on the pixels of `source`, with its colour profile."""
    profile = None if source is None else colour_profile(source)
    if profile is not None:
        picture.info["icc_profile"] = profile
    return picture


def overlay(
    photo: RGBImage,
    labels: Labels,
    classes: Classes,
    entries: Sequence[Entry],
    opacity: float,
    outlines: bool,
) -> Image.Image:
    """Tint classes in their `tints`, grey the background, outline regions; a legend if it has `entries`."""
    picture = Image.fromarray(photo)
    if entries and (factor := enlargement(picture)) > 1:
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)
        labels = labels.repeat(factor, 0).repeat(factor, 1)

    tint = mask(labels, Classes(classes.names, tints(classes))).convert("RGB")
    drawn = Image.blend(picture, tint, opacity)
    if classes.background is not None:
        grey = ImageEnhance.Color(picture).enhance(0.25)
        dimmed = Image.blend(grey, Image.new("RGB", grey.size, PANEL), 0.6 * opacity)
        drawn.paste(dimmed, mask=Image.fromarray((labels == classes.background).astype(np.uint8) * 255))
    if outlines:
        _outline(drawn, labels)
    return with_legend(drawn, entries) if entries else drawn


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
    line = border.filter(ImageFilter.MaxFilter(2 * ((width - 1) // 2) + 1)) if width > 2 else border
    glow = line.filter(ImageFilter.GaussianBlur(1.5 * width)).point(lambda value: min(255, value * 2) * 0.55)
    picture.paste((0, 0, 0), mask=glow)
    picture.paste(
        (255, 255, 255),
        mask=line.filter(ImageFilter.GaussianBlur(0.35 * width)).point(lambda v: min(230, v * 1.6)),
    )
