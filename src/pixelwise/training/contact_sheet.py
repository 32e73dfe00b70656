"""Draw a contact sheet of training samples: original, and augmented as in the first epochs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from pixelwise.core.classes import RGB, Classes
from pixelwise.core.types import VOID, Channel, Labels, RGBImage
from pixelwise.data import LabelledImages
from pixelwise.data.transforms import Augmentation, augment
from pixelwise.inference.results.drawing import overlay
from pixelwise.inference.results.sheet import Row, cell, sheet
from pixelwise.inference.results.tints import tints


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
        rows.append((sample.id, [cell(Image.fromarray(image)) for image in images]))
        for name, labels in sample.heads.items():
            classes, title = dataset.heads[name].classes, f"{name} " if len(sample.heads) > 1 else ""
            maps = [labels, *(crop.heads[name].numpy() for crop in crops)]
            rows.append((title, [_labelled(*pair, classes) for pair in zip(images, maps, strict=True)]))
            for id_ in {int(id_) for map_ in maps for id_ in np.unique(map_)} - {VOID}:
                legend[title + classes.names[id_]] = tints(classes)[id_]
        for name, values in sample.channels.items():
            rows.append((name, _channels([values, *(_last(crop.channels[name]) for crop in crops)])))
    return sheet(["as read", *(f"epoch {epoch + 1}" for epoch in range(epochs))], rows, legend)


def _last(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """(K, H, W) as (H, W, K)."""
    return np.ascontiguousarray(tensor.permute(1, 2, 0).numpy())


def _labelled(image: RGBImage, labels: Labels, classes: Classes) -> Image.Image:
    return cell(overlay(image, np.ascontiguousarray(labels), classes, [], 0.6, outlines=True))


def _channels(maps: Sequence[Channel]) -> list[Image.Image]:
    """Three channels of 8 bits as RGB; otherwise the first channel as grey, from minimum to maximum."""
    if maps[0].dtype == np.uint8 and maps[0].shape[2] == 3:
        return [cell(Image.fromarray(np.ascontiguousarray(values))) for values in maps]
    low, high = float(maps[0][..., 0].min()), float(maps[0][..., 0].max())
    grey = [255 * (values[..., 0].astype(np.float64) - low) / max(high - low, 1e-9) for values in maps]
    return [cell(Image.fromarray(shades.clip(0, 255).astype(np.uint8)).convert("RGB")) for shades in grey]
