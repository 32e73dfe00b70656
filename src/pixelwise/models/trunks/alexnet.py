"""The convolutional part of AlexNet (Krizhevsky et al. 2012), layers named as in Caffe's files."""

from collections.abc import Sequence

from torch import nn

from pixelwise.models.trunks.trunk import Trunk, he_conv

CAFFE = ((96, 1), (256, 2), (384, 1), (384, 2), (256, 2))
TORCHVISION = ((64, 1), (192, 1), (384, 1), (256, 1), (256, 1))
"""Filters and groups of the five convolutions."""


def alexnet_trunk(
    taps: Sequence[str] = ("pool5",),
    in_channels: int = 3,
    first_padding: int = 5,
    origin: str = "caffe",
    output_stride: int = 32,
    exact_pools: bool = False,
) -> Trunk:
    """conv1 to pool5.

    `origin` "caffe" has the two groups and the response normalisation of CaffeNet, which FCN's release takes;
    "torchvision" the later net without them (Krizhevsky 2014). `first_padding` is that of conv1, 100 in the
    release; with less than that poolings pad too, by 1, so that cell 0 of each lies on pixel 0 if conv1 pads
    by 5, half its kernel. With an `output_stride` of 8 or 16 the last poolings keep the size, and what comes
    behind them is atrous: DeepLab v1, section 3.1. With `exact_pools` these poolings have holes too, so that
    no cell of the net of stride 32 changes.
    """
    released = first_padding == 100
    filters = CAFFE if origin == "caffe" else TORCHVISION
    windows = ((11, 4, first_padding), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))
    layers: list[tuple[str, nn.Module]] = []
    channels, stride, rate = in_channels, 4, 1
    for index, ((width, groups), window) in enumerate(zip(filters, windows, strict=True), start=1):
        kernel, step, padding = window
        conv = he_conv(channels, width, kernel, step, padding * rate, rate, groups)
        layers.append((f"conv{index}", conv))
        layers.append((f"relu{index}", nn.ReLU(inplace=True)))
        channels = width
        if index in (1, 2, 5):
            dense, spread = stride >= output_stride, rate if exact_pools else 1
            if dense:  # behind a ReLU zeros never are the largest
                layers.append((f"pad{index}", nn.ZeroPad2d(spread)))
            pool = nn.MaxPool2d(3, 1, dilation=spread) if dense else pool3x3(released)
            layers.append((f"pool{index}", pool))
            stride, rate = (stride, 2 * rate) if dense else (2 * stride, rate)
        if index in (1, 2) and origin == "caffe":
            layers.append((f"norm{index}", nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)))
    return Trunk(layers, taps)


def pool3x3(released: bool) -> nn.MaxPool2d:
    """3x3 pooling of stride 2: rounded up at the border, as in Caffe, or with its cells on even pixels."""
    return nn.MaxPool2d(3, 2, ceil_mode=True) if released else nn.MaxPool2d(3, 2, padding=1)
