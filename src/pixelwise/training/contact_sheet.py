"""Draw a contact sheet of training samples: original, and augmented as in the first epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw, ImageFont

from pixelwise.core.classes import RGB, Classes
from pixelwise.core.types import VOID, Channel, Labels, RGBImage
from pixelwise.data import LabelledImages
from pixelwise.data.transforms import Augmentation, augment
from pixelwise.inference.drawing import overlay, visible_color

Row = tuple[str, Sequence[Image.Image]]
"""A title, perhaps empty, and a picture per column."""

_CELL, _GAP, _TITLE = 220, 6, 22  # pixels
_PAPER, _INK = (250, 250, 250), (20, 20, 20)


def preview(
    dataset: LabelledImages, settings: Augmentation, seed: int, pictures: int, epochs: int
) -> Image.Image:
    """A row per sample and head or extra channel: the original in the first column, then a column per epoch.

    The samples are spread evenly over the split. The augmentations are those of the first epochs of a
    training with this seed. Void, and pixels beyond the picture's border, are cream.
    """
    count = min(pictures, len(dataset))
    rows: list[Row] = []
    legend: dict[str, RGB] = {}
    for place in [round(i * (len(dataset) - 1) / max(1, count - 1)) for i in range(count)]:
        sample = dataset.read(place)
        crops = [augment(sample, settings, np.random.default_rng([seed, e, place])) for e in range(epochs)]
        images = [sample.image, *(_last(crop.image) for crop in crops)]
        rows.append((sample.id, [_cell(Image.fromarray(image)) for image in images]))
        for name, labels in sample.heads.items():
            classes, title = dataset.heads[name].classes, f"{name} " if len(sample.heads) > 1 else ""
            maps = [labels, *(crop.heads[name].numpy() for crop in crops)]
            rows.append((title, [_labelled(*pair, classes) for pair in zip(images, maps, strict=True)]))
            for id_ in {int(id_) for map_ in maps for id_ in np.unique(map_)} - {VOID}:
                legend[title + classes.names[id_]] = visible_color(classes.palette[id_])
        for name, values in sample.channels.items():
            rows.append((name, _channels([values, *(_last(crop.channels[name]) for crop in crops)])))
    return _sheet(["as read", *(f"epoch {epoch + 1}" for epoch in range(epochs))], rows, legend)


def _last(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """(K, H, W) as (H, W, K)."""
    return np.ascontiguousarray(tensor.permute(1, 2, 0).numpy())


def _labelled(image: RGBImage, labels: Labels, classes: Classes) -> Image.Image:
    return _cell(overlay(image, np.ascontiguousarray(labels), classes, [], 0.6, outlines=True))


def _channels(maps: Sequence[Channel]) -> list[Image.Image]:
    """Three channels of 8 bits as RGB; otherwise the first channel as grey, from minimum to maximum."""
    if maps[0].dtype == np.uint8 and maps[0].shape[2] == 3:
        return [_cell(Image.fromarray(np.ascontiguousarray(values))) for values in maps]
    low, high = float(maps[0][..., 0].min()), float(maps[0][..., 0].max())
    grey = [255 * (values[..., 0].astype(np.float64) - low) / max(high - low, 1e-9) for values in maps]
    return [_cell(Image.fromarray(shades.clip(0, 255).astype(np.uint8)).convert("RGB")) for shades in grey]


def _cell(picture: Image.Image) -> Image.Image:
    """The picture resized to fit into a cell."""
    scale = _CELL / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.BICUBIC if scale < 1 else Image.Resampling.NEAREST)


def _sheet(columns: Sequence[str], rows: Sequence[Row], legend: Mapping[str, RGB]) -> Image.Image:
    font = ImageFont.load_default(14)
    width = _GAP + len(columns) * (_CELL + _GAP)
    heights = [max(cell.height for cell in cells) + _GAP + (_TITLE if title else 0) for title, cells in rows]
    places = _placed([34 + font.getlength(name) for name in legend], width - 2 * _GAP)
    lines = 1 + max((line for _, line in places), default=0)
    sheet = Image.new("RGB", (width, _TITLE + sum(heights) + lines * _TITLE + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(columns):
        draw.text((_GAP + column * (_CELL + _GAP), _TITLE / 2), name, _INK, font, anchor="lm")
    top = _TITLE
    for (title, cells), height in zip(rows, heights, strict=True):
        if title:
            draw.text((_GAP, top + _TITLE / 2), title, _INK, font, anchor="lm")
        for column, cell in enumerate(cells):
            left = _GAP + column * (_CELL + _GAP) + (_CELL - cell.width) // 2
            sheet.paste(cell, (left, top + (_TITLE if title else 0)))
        top += height
    for (name, colour), (x, line) in zip(legend.items(), places, strict=True):
        start, middle = _GAP + x, top + line * _TITLE + _TITLE / 2
        draw.rectangle((start, middle - 6, start + 12, middle + 6), colour, _INK)
        draw.text((start + 18, middle), name, _INK, font, anchor="lm")
    return sheet


def _placed(lengths: Sequence[float], width: float) -> list[tuple[float, int]]:
    """Start and line of each entry of these lengths, on lines of this width."""
    places = []
    x, line = 0.0, 0
    for length in lengths:
        if x and x + length > width:
            x, line = 0.0, line + 1
        places.append((x, line))
        x += length
    return places
