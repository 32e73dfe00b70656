"""DeepLab v1's networks on VGG16. Source: Chen et al. 2015, sections 2 and 4.

The last two poolings keep their size, convolutions behind them are atrous, so scores come at stride 8;
training compares them with labels subsampled by 8, and bilinear upsampling by 8 gives those of all pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from pixelwise.geometry import Grid
from pixelwise.models.alignment import Crop, Surround, upsampling_onto
from pixelwise.models.segmentation_net import CAFFE_MEAN, SegmentationNet
from pixelwise.models.trunk import Trunk, through
from pixelwise.models.vgg16 import WIDTHS, he_conv, vgg16_trunk


@dataclass(frozen=True)
class Variant:
    """The kernel, atrous rate and filters of fc6, and the kernel of the first three poolings."""

    kernel: int
    rate: int
    filters: int
    pool_kernel: int


VARIANTS = {
    "base": Variant(kernel=4, rate=4, filters=4096, pool_kernel=2),
    "4x4": Variant(kernel=4, rate=8, filters=4096, pool_kernel=2),
    "7x7": Variant(kernel=7, rate=4, filters=4096, pool_kernel=2),
    "large_fov": Variant(kernel=3, rate=12, filters=1024, pool_kernel=3),
}
OUTPUT_STRIDE = 8


class DeepLab(SegmentationNet):
    """Images (N, 3, H, W), RGB, 0 to 255, to scores (N, classes, H, W); in training mode to the scores of
    every 8th pixel, (N, classes, ceil(H / 8), ceil(W / 8)).
    """

    label_stride = OUTPUT_STRIDE

    def __init__(self, trunk: Trunk, variant: Variant, classes: int, dropout: float) -> None:
        super().__init__(trunk, list(CAFFE_MEAN), [1.0] * 3)
        padding = (variant.kernel - 1) * variant.rate // 2
        self.fc6 = he_conv(trunk.channels["pool5"], variant.filters, variant.kernel, padding, variant.rate)
        self.relu6 = nn.ReLU(inplace=True)
        self.drop6 = nn.Dropout(dropout)
        self.fc7 = he_conv(variant.filters, variant.filters, 1)
        self.relu7 = nn.ReLU(inplace=True)
        self.drop7 = nn.Dropout(dropout)
        self.fc8 = nn.Conv2d(variant.filters, classes, 1)
        nn.init.normal_(self.fc8.weight, std=0.01)
        nn.init.zeros_(self.fc8.bias)  # type: ignore[arg-type]

        self.grid = through(self.fc6, trunk.grids["pool5"])
        self.label_offset = int(self.grid.offset)
        self.surround = Surround()
        self.upscore8, upsampled = upsampling_onto(Grid(), self.grid.shifted(-1), classes)
        self.score = Crop(upsampled)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        cells = self.cells(image)
        if self.training:
            return cells
        scores: torch.Tensor = self.score(self.upscore8(self.surround(cells)), image)
        return scores

    def cells(self, image: torch.Tensor) -> torch.Tensor:
        """Scores at stride 8, (N, classes, ceil(H / 8), ceil(W / 8))."""
        x = self.backbone(self.normalise(image))["pool5"]
        x = self.drop6(self.relu6(self.fc6(x)))
        x = self.drop7(self.relu7(self.fc7(x)))
        scores: torch.Tensor = self.fc8(x)
        return scores


def deeplab(
    variant: str = "large_fov",
    classes: int = 21,
    dropout: float = 0.5,
    widths: Sequence[int] = WIDTHS,
    filters: int | None = None,
) -> DeepLab:
    """DeepLab v1 with random weights; `variant` is "base", "4x4", "7x7" or "large_fov".

    `widths` and `filters` (of fc6 and fc7) make smaller nets of the same form.
    """
    if variant not in VARIANTS:
        raise ValueError(f'DeepLab comes as {", ".join(VARIANTS)}, not as "{variant}"')
    chosen = VARIANTS[variant]
    if filters is not None:
        chosen = Variant(chosen.kernel, chosen.rate, filters, chosen.pool_kernel)
    trunk = vgg16_trunk(widths=widths, pool_kernel=chosen.pool_kernel, output_stride=OUTPUT_STRIDE)
    return DeepLab(trunk, chosen, classes, dropout)
