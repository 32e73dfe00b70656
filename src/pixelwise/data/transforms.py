"""Random scale, crop, mirror and colour, image and labels in step.

Every random number comes from the generator that is passed in, so a sample is a pure function of its seed.
The pixel work is torchvision's transforms v2.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as tv

from pixelwise.types import VOID, Labels, RGBImage


@dataclass(frozen=True)
class Augmentation:
    """How training samples are varied.

    `crop`: side of the square crop, pixels. `side`: larger pictures count as reduced to this many pixels on
    their longer side. `scale`: range of the factor by which a picture is resized
    before the crop, drawn evenly on a log scale. `mirror`: half of the samples are flipped left to right.
    `colour`: brightness, contrast and saturation are multiplied by factors in [1 - colour, 1 + colour].
    """

    crop: int
    scale: tuple[float, float]
    side: int = 500
    mirror: bool = True
    colour: float = 0.0


def augment(
    image: RGBImage, labels: Labels, settings: Augmentation, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """A random crop: image (3, crop, crop) uint8 and labels (crop, crop) uint8, VOID where the picture
    ends.
    """
    height, width = labels.shape
    low, high = settings.scale
    reduction = min(1.0, settings.side / max(height, width))
    window = settings.crop / (reduction * float(np.exp(rng.uniform(np.log(low), np.log(high)))))
    top, visible_height = _interval(height, window, rng)
    left, visible_width = _interval(width, window, rng)
    box = [top, left, visible_height, visible_width]
    size = [
        max(1, min(settings.crop, round(visible * settings.crop / window)))
        for visible in (visible_height, visible_width)
    ]

    picture = tv_tensors.Image(torch.from_numpy(image).permute(2, 0, 1))
    mask = tv_tensors.Mask(torch.from_numpy(labels)[None])
    picture, mask = (tv.resized_crop(x, *box, size=size, antialias=True) for x in (picture, mask))
    if settings.mirror and rng.random() < 0.5:
        picture, mask = tv.horizontal_flip(picture), tv.horizontal_flip(mask)
    if settings.colour > 0:
        picture = _recolour(picture, settings.colour, rng)
    room = [settings.crop - size[1], settings.crop - size[0]]
    if any(room):
        before = [int(rng.integers(0, gap + 1)) for gap in room]
        padding = [*before, room[0] - before[0], room[1] - before[1]]
        picture = tv.pad(picture, padding, fill=127)
        mask = tv.pad(mask, padding, fill=VOID)
    return picture.as_subclass(torch.Tensor), mask.as_subclass(torch.Tensor)[0]


def _interval(length: int, window: float, rng: np.random.Generator) -> tuple[int, int]:
    """Start and length of the part of 0..length that a window of that size, placed at random, shows."""
    visible = min(length, max(1, round(window)))
    return int(rng.integers(0, length - visible + 1)), visible


def _recolour(picture: torch.Tensor, strength: float, rng: np.random.Generator) -> torch.Tensor:
    changes = [tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation]
    for which in rng.permutation(len(changes)):
        picture = changes[which](picture, float(rng.uniform(1 - strength, 1 + strength)))
    return picture
