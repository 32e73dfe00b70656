"""The convolutional part of a classifier: named layers in a row."""

from collections.abc import Sequence

import torch
from torch import nn

from pixelwise.geometry import Grid

Layers = Sequence[tuple[str, nn.Module]]


class Trunk(nn.Module):
    """Layers in a row, each a child by its own name; gives the outputs of those named in `taps`.

    `grids` says of every tap where its cells lie, `channels` how many numbers each holds.
    """

    def __init__(self, layers: Layers, taps: Sequence[str]) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.grids: dict[str, Grid] = {}
        self.channels: dict[str, int] = {}
        grid, channels = Grid(), 0
        for name, layer in layers:
            self.add_module(name, layer)
            grid = through(layer, grid)
            channels = getattr(layer, "out_channels", channels)
            if name in taps:
                self.grids[name], self.channels[name] = grid, channels

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        features = {}
        for name, layer in self.named_children():
            x = layer(x)
            if name in self.taps:
                features[name] = x
        return features

    def freeze(self, stages: int) -> None:
        """Stop the learning of the first `stages` stages, each of which ends with a pooling; 0: of none."""
        for name, layer in self.named_children():
            if stages == 0:
                return
            layer.requires_grad_(False)
            stages -= name.startswith("pool")


def through(layer: nn.Module, grid: Grid) -> Grid:
    """The grid behind a layer; layers without a window leave it as it is."""
    if not isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return grid
    kernel, stride, padding, dilation = (
        _side(getattr(layer, what, 1)) for what in ("kernel_size", "stride", "padding", "dilation")
    )
    return grid.through(kernel, stride, padding, dilation)


def _side(value: int | tuple[int, int]) -> int:
    """The one number of a square window."""
    return value if isinstance(value, int) else value[0]
