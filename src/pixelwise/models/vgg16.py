"""The convolutional part of VGG16 (Simonyan and Zisserman 2014), layers named as in Caffe's files."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from pixelwise.errors import ModelError
from pixelwise.models.segmentation_net import TORCHVISION_MEAN, TORCHVISION_STD, SegmentationNet
from pixelwise.models.trunk import Trunk
from pixelwise.models.weights import read_metadata, read_tensors

DEPTHS = (2, 2, 3, 3, 3)
WIDTHS = (64, 128, 256, 512, 512)
FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Where torchvision's VGG16 has the convolutions."""


def vgg16_trunk(
    taps: Sequence[str] = ("pool5",),
    in_channels: int = 3,
    first_padding: int = 1,
    widths: Sequence[int] = WIDTHS,
    pool_kernel: int = 2,
    output_stride: int = 32,
) -> Trunk:
    """conv1_1 to pool5.

    `first_padding` is that of conv1_1, 100 in FCN's release. `pool_kernel` is 2, rounded up at the border as
    in Caffe, or 3 with padding 1 as in DeepLab-LargeFOV. With an `output_stride` of 8 or 16 the last poolings
    keep the size (3x3, stride 1), and convolutions behind the first of these are atrous: DeepLab v1, section
    2.1.
    """
    layers: list[tuple[str, nn.Module]] = []
    stride, rate = 1, 1
    channels, padding = in_channels, first_padding
    for block, (depth, width) in enumerate(zip(DEPTHS, widths, strict=True), start=1):
        for index in range(1, depth + 1):
            conv = he_conv(channels, width, 3, padding=padding * rate, dilation=rate)
            layers += [(f"conv{block}_{index}", conv), (f"relu{block}_{index}", nn.ReLU(inplace=True))]
            channels, padding = width, 1
        if stride < output_stride:
            pool = nn.MaxPool2d(2, 2, ceil_mode=True) if pool_kernel == 2 else nn.MaxPool2d(3, 2, 1)
            stride *= 2
        else:
            pool = nn.MaxPool2d(3, 1, 1)
            rate *= 2
        layers.append((f"pool{block}", pool))
    return Trunk(layers, taps)


def he_conv(channels: int, filters: int, kernel: int, padding: int = 0, dilation: int = 1) -> nn.Conv2d:
    """A convolution before a ReLU, random as He et al. 2015 have it, biases zero."""
    conv = nn.Conv2d(channels, filters, kernel, padding=padding, dilation=dilation)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def load_vgg16(net: SegmentationNet, path: Path) -> None:
    """Copy the 13 convolutions of a VGG16 file into the net's trunk and set the mean and standard deviation
    that go with them.

    The file holds torchvision's names, features.N.weight and bias; its classifier, if any, is left. In a
    .safetensors file whose metadata say that the input is BGR minus a mean, conv1_1 is turned to RGB.
    Raises ModelError unless all 13 are there in the right shapes.
    """
    tensors = read_tensors(path)
    bgr = read_metadata(path).get("input", "").startswith("BGR")
    convs = {name: conv for name, conv in net.backbone.named_children() if name.startswith("conv")}
    for (name, conv), index in zip(convs.items(), FEATURES, strict=True):
        for part in ("weight", "bias"):
            source, target = f"features.{index}.{part}", getattr(conv, part)
            if source not in tensors:
                raise ModelError(f"{path} has no {source}, from which {name} comes", "name a file of VGG16")
            tensor = tensors[source].float()
            if tensor.shape != target.shape:
                raise ModelError(
                    f"{source} of {path} is {tuple(tensor.shape)}, but {name}.{part} is {tuple(target.shape)}"
                )
            if bgr and source == "features.0.weight":
                tensor = tensor.flip(1)
            target.data.copy_(tensor)
    if not bgr:
        net.mean.copy_(torch.tensor(TORCHVISION_MEAN).view_as(net.mean))
        net.std.copy_(torch.tensor(TORCHVISION_STD).view_as(net.std))
