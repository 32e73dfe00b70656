"""The convolutional part of GoogLeNet (Szegedy et al. 2014), layers named as in Caffe's files."""

from collections.abc import Sequence

import torch
from torch import nn

from pixelwise.models.layers.grid import Grid
from pixelwise.models.trunks.alexnet import pool3x3
from pixelwise.models.trunks.trunk import Block, Trunk, he_conv

# Filters of 1x1, 3x3_reduce, 3x3, 5x5_reduce, 5x5 and pool_proj.
INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class Inception(Block):
    """Four branches side by side: 1x1, 3x3 and 5x5 behind 1x1 ones, 1x1 behind a pooling."""

    def __init__(self, channels: int, filters: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        one, three_reduce, three, five_reduce, five, projection = filters
        self.out_channels = one + three + five + projection
        for name, conv in (
            ("1x1", he_conv(channels, one, 1)),
            ("3x3_reduce", he_conv(channels, three_reduce, 1)),
            ("3x3", he_conv(three_reduce, three, 3, padding=1)),
            ("5x5_reduce", he_conv(channels, five_reduce, 1)),
            ("5x5", he_conv(five_reduce, five, 5, padding=2)),
            ("pool_proj", he_conv(channels, projection, 1)),
        ):
            self.add_module(name, conv)
            self.add_module(f"relu_{name}", nn.ReLU(inplace=True))
        self.pool = nn.MaxPool2d(3, 1, 1)
        self.output = Concatenation()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def branch(x: torch.Tensor, *names: str) -> torch.Tensor:
            for name in names:
                x = self.get_submodule(f"relu_{name}")(self.get_submodule(name)(x))
            return x

        joined: torch.Tensor = self.output(
            branch(x, "1x1"),
            branch(x, "3x3_reduce", "3x3"),
            branch(x, "5x5_reduce", "5x5"),
            branch(self.pool(x), "pool_proj"),
        )
        return joined

    def through(self, grid: Grid) -> Grid:
        """The grid of the widest branch."""
        return grid.through(kernel=5, padding=2)


class Concatenation(nn.Module):
    """Maps side by side."""

    def forward(self, *maps: torch.Tensor) -> torch.Tensor:
        return torch.cat(maps, 1)


def googlenet_trunk(
    taps: Sequence[str] = ("inception_5b",),
    in_channels: int = 3,
    first_padding: int = 3,
    origin: str = "caffe",
) -> Trunk:
    """conv1 to inception_5b, without the final average pooling.

    `origin` "caffe" has local response normalisation; "torchvision" does not, and its last pooling is 2x2.
    `first_padding` is that of conv1; below 100 poolings pad too, by 1, so that cell 0 of each lies on pixel 0
    if conv1 pads by 3, half its kernel.
    """
    released = first_padding == 100

    def norm(name: str) -> list[tuple[str, nn.Module]]:
        return [(name, nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75))] if origin == "caffe" else []

    last_pool = pool3x3(released) if origin == "caffe" else nn.MaxPool2d(2, 2, ceil_mode=True)
    layers: list[tuple[str, nn.Module]] = [
        ("conv1/7x7_s2", he_conv(in_channels, 64, 7, 2, first_padding)),
        ("conv1/relu_7x7", nn.ReLU(inplace=True)),
        ("pool1", pool3x3(released)),
        *norm("pool1/norm1"),
        ("conv2/3x3_reduce", he_conv(64, 64, 1)),
        ("conv2/relu_3x3_reduce", nn.ReLU(inplace=True)),
        ("conv2/3x3", he_conv(64, 192, 3, padding=1)),
        ("conv2/relu_3x3", nn.ReLU(inplace=True)),
        *norm("conv2/norm2"),
        ("pool2", pool3x3(released)),
    ]
    channels = 192
    for name, filters in INCEPTIONS.items():
        block = Inception(channels, filters)
        layers.append((f"inception_{name}", block))
        channels = block.out_channels
        if name == "3b":
            layers.append(("pool3", pool3x3(released)))
        if name == "4e":
            layers.append(("pool4", last_pool))
    return Trunk(layers, taps)
