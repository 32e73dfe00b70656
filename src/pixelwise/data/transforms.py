"""Random scale, crop, shift, mirror and colour: image, labels of every head and extra channels in step.

Every random number comes from the generator that is passed in, so a sample is a pure function of its seed.
The pixel work is torchvision's transforms v2.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from pixelwise.core.types import BANDS, VOID, Channel
from pixelwise.data.sample import Sample

_GREY = 127  # value of image pixels beyond the picture's border


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of training samples.

    `crop`: side of the square crop, pixels; 0 takes whole pictures at their own size. `side`: larger pictures
    count as reduced to this many pixels on their longer side. `scale`: range of the factor by which a picture
    is resized before the crop, drawn uniformly on a log scale. `mirror`: half of the samples are flipped left
    to right. `colour`: brightness, contrast and saturation are multiplied by factors in [1 - colour, 1 +
    colour]. `jitter`: the picture's centre is shifted by up to this many pixels of the crop in each
    direction, as in FCN with 32 (section 4.3); None places the crop anywhere in the picture.
    """

    crop: int
    scale: tuple[float, float]
    side: int = 500
    mirror: bool = True
    colour: float = 0.0
    jitter: int | None = None


@dataclass(frozen=True)
class Crop:
    """Tensors of one augmented sample: `image` (3, H, W) uint8, `heads` (H, W) uint8 by head with VOID beyond
    the picture's border, `channels` (K, H, W) uint8 or float32 by name, 0 there, bands their mean.
    """

    image: torch.Tensor
    heads: Mapping[str, torch.Tensor]
    channels: Mapping[str, torch.Tensor]

    @property
    def labels(self) -> torch.Tensor:
        """(H, W) of the main head."""
        return next(iter(self.heads.values()))


def augment(sample: Sample, settings: Augmentation, rng: np.random.Generator) -> Crop:
    """A random augmentation of the sample, (crop, crop) pixels, or the picture's size if crop is 0."""
    height, width = sample.labels.shape
    low, high = settings.scale
    reduction = min(1.0, settings.side / max(height, width))
    factor = reduction * float(np.exp(rng.uniform(np.log(low), np.log(high))))
    rows, columns = (_view(length, factor, settings, rng) for length in (height, width))
    mirrored = settings.mirror and rng.random() < 0.5

    def shown(values: Channel, way: InterpolationMode = InterpolationMode.BILINEAR) -> torch.Tensor:
        box = [rows.start, columns.start, rows.length, columns.length]
        values = (
            values.astype(np.float32) if values.dtype == np.uint16 else values
        )  # torch lacks its arithmetic
        values = np.require(
            values, requirements=["C", "W"]
        )  # torch takes no reversed views, no read-only ones
        tensor = tv_tensors.Image(torch.from_numpy(values).permute(2, 0, 1))
        cut: torch.Tensor = tv.resized_crop(
            tensor, *box, size=[rows.size, columns.size], interpolation=way, antialias=True
        )
        return tv.horizontal_flip(cut) if mirrored else cut

    picture = shown(sample.image)
    if settings.colour > 0:
        picture = _recolour(picture, settings.colour, rng)
    # Not as masks: torchvision resizes these by "nearest", which shifts labels by half a pixel.
    heads = {
        name: shown(ids[..., None], InterpolationMode.NEAREST_EXACT) for name, ids in sample.heads.items()
    }
    channels = {name: shown(values) for name, values in sample.channels.items()}

    left, right = columns.margins(rng)
    top, bottom = rows.margins(rng)
    padding = [right, top, left, bottom] if mirrored else [left, top, right, bottom]

    def padded(tensor: torch.Tensor, fill: int | list[float]) -> torch.Tensor:
        return (tv.pad(tensor, padding, fill=fill) if any(padding) else tensor).as_subclass(torch.Tensor)

    return Crop(
        padded(picture, _GREY),
        {name: padded(mask, VOID)[0] for name, mask in heads.items()},
        {name: padded(values, _fill(name, values)) for name, values in channels.items()},
    )


def _fill(name: str, values: torch.Tensor) -> int | list[float]:
    """The values of a channel beyond the picture's border: 0, or the mean of each band."""
    return values.float().mean((1, 2)).tolist() if name == BANDS else 0


@dataclass(frozen=True)
class _View:
    """The crop along one axis: `length` pixels of the picture, starting at `start`, resized to `size` pixels
    of the crop's `side`. `before`: the gap before them, None for anywhere.
    """

    start: int
    length: int
    size: int
    side: int
    before: int | None

    def margins(self, rng: np.random.Generator) -> tuple[int, int]:
        gap = self.side - self.size
        before = int(rng.integers(0, gap + 1)) if self.before is None else self.before
        return before, gap - before


def _view(length: int, factor: float, settings: Augmentation, rng: np.random.Generator) -> _View:
    """A random crop of an axis of `length` pixels that is resized by `factor`."""
    side = settings.crop or max(1, round(length * factor))
    window = side / factor  # in pixels of the picture
    if settings.jitter is None:
        visible = min(length, max(1, round(window)))
        start = int(rng.integers(0, length - visible + 1))
        return _View(start, visible, max(1, min(side, round(visible * side / window))), side, None)
    moved = int(rng.integers(-settings.jitter, settings.jitter + 1))
    first = (length - window) / 2 - moved / factor
    start = min(length - 1, max(0, round(first)))
    stop = max(start + 1, min(length, round(first + window)))
    before = min(side - 1, max(0, round(-first * factor)))
    size = max(1, min(side - before, round((stop - start) * factor)))
    return _View(start, stop - start, size, side, before)


def _recolour(picture: torch.Tensor, strength: float, rng: np.random.Generator) -> torch.Tensor:
    changes = [tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation]
    for which in rng.permutation(len(changes)):
        picture = changes[which](picture, float(rng.uniform(1 - strength, 1 + strength)))
    return picture
