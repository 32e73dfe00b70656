"""The convolutional part of a classifier: a sequence of named layers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import nn

from pixelwise.models.layers.grid import Grid

Layers = Sequence[tuple[str, nn.Module]]


class Trunk(nn.Module):
    """A sequence of layers, each a child by its own name; returns the outputs of those named in `taps`.

    `grids` has the grid of every tap, `channels` its number of channels. The classifier uses the last tap;
    later layers are left out.
    """

    def __init__(self, layers: Layers, taps: Sequence[str]) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.grids: dict[str, Grid] = {}
        self.channels: dict[str, int] = {}
        grid, channels = Grid(), 0
        for name, layer in layers:
            self.add_module(name, layer)
            grid = layer.through(grid) if isinstance(layer, Block) else through(layer, grid)
            channels = getattr(layer, "out_channels", channels)
            if name in taps:
                self.grids[name], self.channels[name] = grid, channels
            if name == self.taps[-1]:
                break

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        features = {}
        for name, layer in self.named_children():
            x = layer(x)
            if name in self.taps:
                features[name] = x
        return features

    def freeze(self, stages: int) -> None:
        """Stop the learning of the first `stages` stages, each of which ends with a pooling; 0: of none."""
        for layer in self.children():
            if stages == 0:
                return
            layer.requires_grad_(False)
            stages -= isinstance(layer, nn.MaxPool2d)


class Block(nn.Module, ABC):
    """A layer of a trunk that consists of several, such as GoogLeNet's inception."""

    out_channels: int

    @abstractmethod
    def through(self, grid: Grid) -> Grid:
        """The grid behind it."""


def through(layer: nn.Module, grid: Grid) -> Grid:
    """The grid behind a single layer; layers without a window leave it as it is."""
    if isinstance(layer, nn.ZeroPad2d):
        return grid.shifted(-layer.padding[0])
    if not isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return grid
    kernel, stride, padding, dilation = (
        side(getattr(layer, what, 1)) for what in ("kernel_size", "stride", "padding", "dilation")
    )
    return grid.through(kernel, stride, padding, dilation)


def side(value: int | tuple[int, ...]) -> int:
    """The one number of a square window. Raises ValueError for others."""
    sides = {value} if isinstance(value, int) else set(value)
    if len(sides) != 1:
        raise ValueError(f"expected a square window, got {value}")
    return sides.pop()


def he_conv(
    channels: int,
    filters: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> nn.Conv2d:
    """A convolution before a ReLU, random as He et al. 2015 have it, biases zero."""
    conv = nn.Conv2d(channels, filters, kernel, stride, padding, dilation, groups)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
