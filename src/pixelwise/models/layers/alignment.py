"""Upsample, add and crop scores so that every cell lies on the pixels it was computed from.

All offsets are computed from the grids of the maps.
"""

import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.models.layers.bilinear import BilinearUpsampling
from pixelwise.models.layers.grid import Grid, bilinear_taps, crop_offset


def upsampling_onto(
    target: Grid, grid: Grid, channels: int, learned: bool = False, mixing: bool = False
) -> tuple[BilinearUpsampling, Grid]:
    """The bilinear upsampling that brings cells of `grid` onto those of the finer `target`, and where the
    cells lie behind it, uncropped.
    """
    factor = int(grid.stride / target.stride)
    taps = bilinear_taps(grid, factor, target)
    return BilinearUpsampling(channels, factor, learned, taps, 0, mixing), grid.upsampled(taps, factor)


class NonlinearUpsampling(nn.Sequential):
    """Doublings by learned filters between all channels, with ReLUs between them: FCN's section 3.3 mentions
    such a stack but does not use it. `grid` is the uncropped grid of the output.
    """

    def __init__(self, grid: Grid, channels: int) -> None:
        super().__init__()
        while grid.stride > 1:
            if len(self):
                self.append(nn.ReLU())
            self.append(BilinearUpsampling(channels, 2, True, 4, 0, mixing=True))
            grid = grid.upsampled(4, 2)
        self.grid = grid


class Fuse(nn.Module):
    """The sum of two maps of the same stride, or their larger value (`maximum`), after the one that starts
    earlier is cropped to the other's extent; scores are cropped if both start at the same pixel.
    """

    def __init__(self, scores: Grid, skip: Grid, maximum: bool = False) -> None:
        super().__init__()
        self.joined = torch.maximum if maximum else torch.add
        self.offset = crop_offset(skip, scores)
        if self.offset > 0:
            self.grid = scores.beside(skip.shifted(self.offset))
        else:
            self.grid = skip.beside(scores.shifted(-self.offset))

    def forward(self, scores: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        if self.offset > 0:
            return self.joined(scores, crop(skip, self.offset, scores))
        return self.joined(crop(scores, -self.offset, skip), skip)


class Crop(nn.Module):
    """The part of the scores that lies on the image. Raises ValueError if they start inside the image."""

    def __init__(self, scores: Grid) -> None:
        super().__init__()
        self.offset = crop_offset(scores, Grid())
        if self.offset < 0:
            raise ValueError(f"scores begin at pixel {-self.offset} of the image; pad more before them")

    def forward(self, scores: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        return crop(scores, self.offset, image)


class Surround(nn.Module):
    """Repeats the outermost cells `cells` times on each side, so that pixels beyond their centres get their
    scores.

    Otherwise an upsampling of padded nets would fade out at the border of the image.
    """

    def __init__(self, cells: int = 1) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        return F.pad(scores, (self.cells,) * 4, mode="replicate")


def crop(x: torch.Tensor, offset: int, like: torch.Tensor) -> torch.Tensor:
    """The window of x that begins at (offset, offset) and has the height and width of `like`."""
    height, width = like.shape[-2:]
    return x[..., offset : offset + height, offset : offset + width]
