"""DeepLab v1's networks on VGG16, and on AlexNet. Source: Chen et al. 2015, sections 3 and 4.3, table 2.

The last two poolings keep their size, convolutions behind them are atrous, so scores come at stride 8;
training compares them with labels subsampled by 8, and bilinear upsampling by 8 gives those of all pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from pixelwise.models.layers.alignment import Crop, Surround, upsampling_onto
from pixelwise.models.layers.grid import Grid
from pixelwise.models.nets.segmentation_net import (
    CAFFE_MEAN,
    LOG_DEPTH_MEAN,
    NYUD_MEAN,
    SegmentationNet,
)
from pixelwise.models.trunks.alexnet import alexnet_trunk
from pixelwise.models.trunks.trunk import Trunk, he_conv, through
from pixelwise.models.trunks.vgg16 import WIDTHS, vgg16_trunk


@dataclass(frozen=True)
class Variant:
    """The kernel, atrous rate and filters of fc6, and the kernel of the first three poolings."""

    kernel: int
    rate: int
    filters: int
    pool_kernel: int

    @property
    def field_of_view(self) -> int:
        """Pixels, as the paper counts: the cells that fc6 reaches over, and the 32 pixels of a VGG cell."""
        return (self.kernel - 1) * self.rate * OUTPUT_STRIDE + 32


VARIANTS = {
    "base": Variant(kernel=4, rate=4, filters=4096, pool_kernel=2),
    "4x4": Variant(kernel=4, rate=8, filters=4096, pool_kernel=2),
    "7x7": Variant(kernel=7, rate=4, filters=4096, pool_kernel=2),
    "large_fov": Variant(kernel=3, rate=12, filters=1024, pool_kernel=3),
}
OUTPUT_STRIDE = 8
MEANS = {3: CAFFE_MEAN, 4: NYUD_MEAN + LOG_DEPTH_MEAN}
"""By channels: RGB; RGB and log depth."""
BRANCH_STRIDES = {"image": 8, "pool1": 4, "pool2": 2, "pool3": 1, "pool4": 1}
"""The branches of the multi-scale nets and the stride of their first layer, which brings them to stride 8."""


class DeepLab(SegmentationNet):
    """Images (N, 3, H, W), RGB, 0 to 255, to scores (N, classes, H, W); in training mode to the scores of
    every 8th pixel, (N, classes, ceil(H / 8), ceil(W / 8)).

    With `branch_filters`, the multi-scale net: branches of two layers on the image and on each of the first
    four poolings join fc7's features before the scores (fc8_msc has their part of the sum); only what is
    new learns.
    """

    backbone: Trunk
    score_stride = label_stride = OUTPUT_STRIDE

    def __init__(
        self,
        trunk: Trunk,
        variant: Variant,
        classes: int,
        dropout: float,
        branch_filters: int = 0,
        mean: tuple[float, ...] = CAFFE_MEAN,
    ) -> None:
        super().__init__(mean, (1.0,) * len(mean))
        self.backbone = trunk
        self.field_of_view = variant.field_of_view
        padding = (variant.kernel - 1) * variant.rate // 2
        self.fc6 = he_conv(
            trunk.channels["pool5"], variant.filters, variant.kernel, padding=padding, dilation=variant.rate
        )
        self.relu6 = nn.ReLU(inplace=True)
        self.drop6 = nn.Dropout(dropout)
        self.fc7 = he_conv(variant.filters, variant.filters, 1)
        self.relu7 = nn.ReLU(inplace=True)
        self.drop7 = nn.Dropout(dropout)
        self.fc8 = _score(variant.filters, classes)
        grid = through(self.fc6, trunk.grids["pool5"])

        self.multi_scale = branch_filters > 0
        if self.multi_scale:
            self.requires_grad_(False)
            self.branches = nn.ModuleDict()
            for name, stride in BRANCH_STRIDES.items():
                source = trunk.grids.get(name, Grid())
                shift = (grid.offset - source.offset) // source.stride
                channels = trunk.channels.get(name, len(mean))
                self.branches[name] = branch(channels, branch_filters, stride, shift, dropout)
            self.fc8_msc = _score(branch_filters * len(BRANCH_STRIDES), classes, bias=False)

        self.score_offset = self.label_offset = int(grid.offset)
        around = 1 + int(grid.offset) // OUTPUT_STRIDE
        self.surround = Surround(around)
        self.upscore8, upsampled = upsampling_onto(Grid(), grid.shifted(-around), classes)
        self.score = Crop(upsampled)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        cells = self.cells(image)
        if self.training:
            return cells
        scores: torch.Tensor = self.score(self.upscore8(self.surround(cells)), image)
        return scores

    def cells(self, image: torch.Tensor) -> torch.Tensor:
        """Scores at stride 8, (N, classes, ceil(H / 8), ceil(W / 8))."""
        pixels = self.normalise(image)
        features = self.backbone(pixels)
        x = self.drop6(self.relu6(self.fc6(features["pool5"])))
        x = self.drop7(self.relu7(self.fc7(x)))
        scores: torch.Tensor = self.fc8(x)
        if self.multi_scale:
            sources = {"image": pixels, **features}
            joined = torch.cat([branch(sources[name]) for name, branch in self.branches.items()], 1)
            scores = scores + self.fc8_msc(joined)
        return scores


def deeplab(
    variant: str = "large_fov",
    multi_scale: bool = False,
    classes: int = 21,
    backbone: str = "vgg16",
    dropout: float = 0.5,
    widths: Sequence[int] = WIDTHS,
    filters: int | None = None,
    branch_filters: int = 128,
    pools: str = "release",
    in_channels: int = 3,
    origin: str = "caffe",
) -> DeepLab:
    """DeepLab v1 with random weights; `variant` is "base", "4x4", "7x7" or "large_fov".

    multi_scale: with branches of `branch_filters` each, see DeepLab; start it from the weights of the net
    without. `widths` of the trunk and `filters` of fc6 and fc7 make smaller nets of the same form.
    pools: the last two poolings, which keep the size. "release": 3x3, as in the authors' files, with which
    the published figures were made. "exact": those of VGG16 at stride 1, the last with holes, as section 3.1
    describes the hole algorithm; cells are then those of VGG16 run densely.
    in_channels: 3, another number of bands, or 4 with log depth as the fourth, as in FCN's early fusion:
    depth as another source of evidence, which the paper's discussion names.
    backbone: "vgg16", or "alexnet", for which the paper has no figures: with the variants whose kernel is not
    larger than AlexNet's 6x6 fc6, which is decimated to it, and without branches.
    origin: of AlexNet, "caffe" or "torchvision", as for FCN.
    """
    if variant not in VARIANTS:
        raise ValueError(f'the variants of DeepLab are {", ".join(VARIANTS)}, got "{variant}"')
    if backbone not in ("vgg16", "alexnet"):
        raise ValueError(f'DeepLab is built on vgg16 or alexnet, not on "{backbone}"')
    if backbone == "alexnet" and (multi_scale or VARIANTS[variant].kernel > 6):
        raise ValueError(
            f"DeepLab on alexnet has no {'branches' if multi_scale else 'fc6 larger than 6x6'}; "
            "take base, 4x4 or large_fov without multi_scale"
        )
    if origin not in ("caffe", "torchvision"):
        raise ValueError(f'origin is "caffe" or "torchvision", not "{origin}"')
    if pools not in ("release", "exact"):
        raise ValueError(f'pools is "release" or "exact", not "{pools}"')
    if in_channels < 1:
        raise ValueError(f"in_channels is at least 1, not {in_channels}")
    chosen = VARIANTS[variant]
    if filters is not None:
        chosen = replace(chosen, filters=filters)
    taps = [*BRANCH_STRIDES, "pool5"][1:] if multi_scale else ["pool5"]
    dense: dict[str, Any] = {"output_stride": OUTPUT_STRIDE, "exact_pools": pools == "exact"}
    if backbone == "alexnet":
        trunk = alexnet_trunk(taps, in_channels, origin=origin, **dense)
    else:
        trunk = vgg16_trunk(taps, in_channels, widths=widths, pool_kernel=chosen.pool_kernel, **dense)
    mean = MEANS.get(in_channels, (0.0,) * in_channels)
    return DeepLab(trunk, chosen, classes, dropout, branch_filters if multi_scale else 0, mean)


def branch(channels: int, filters: int, stride: int, shift: int, dropout: float) -> nn.Sequential:
    """A multi-scale branch: 3x3 of that stride, the first around cell `shift` of the source; then 1x1.

    The paper does not say where strides go; here the first layer takes all of it. Centres lie on those of the
    main path, or up to half a cell of the source before. Weights begin Gaussian of deviation 0.01, as Caffe's
    new layers: He's would keep the size of features of pixels from 0 to 255, and the first steps would
    diverge.
    """
    layers = nn.Sequential(
        nn.ZeroPad2d((1, 1 + shift, 1, 1 + shift)),
        nn.ZeroPad2d((-shift, 0, -shift, 0)),
        he_conv(channels, filters, 3, stride),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        he_conv(filters, filters, 1),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
    )
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=0.01)
    return layers


def _score(channels: int, classes: int, bias: bool = True) -> nn.Conv2d:
    """A score layer as in the release: Gaussian of deviation 0.01."""
    conv = nn.Conv2d(channels, classes, 1, bias=bias)
    nn.init.normal_(conv.weight, std=0.01)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
