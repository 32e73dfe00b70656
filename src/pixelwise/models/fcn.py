"""FCN-32s, FCN-16s and FCN-8s. Source: Long et al. 2015, section 4, and the authors' release."""

from collections.abc import Sequence

import torch
from torch import nn

from pixelwise.geometry import Grid
from pixelwise.models.alignment import Crop, Fuse, Surround, upsampling_onto
from pixelwise.models.segmentation_net import CAFFE_MEAN, SegmentationNet
from pixelwise.models.trunk import Trunk, through
from pixelwise.models.vgg16 import WIDTHS, he_conv, vgg16_trunk

STRIDES = (32, 16, 8)
SKIPS = {32: (), 16: ("pool4",), 8: ("pool4", "pool3")}
LAST_UPSCORE = {32: "upscore", 16: "upscore16", 8: "upscore8"}


class FCN(SegmentationNet):
    """Images (N, 3, H, W), RGB, 0 to 255, of any size, to scores (N, classes, H, W) float32.

    Scores of stride 32 (score_fr) are upsampled twofold and the scores of pool4 added (fuse_pool4), then so
    with pool3; the last upsampling is fixed. Score layers are zero at the start.
    """

    def __init__(
        self,
        trunk: Trunk,
        stride: int,
        classes: int,
        padding: str,
        learned: bool,
        dropout: float,
        filters: int,
    ) -> None:
        super().__init__(trunk, list(CAFFE_MEAN), [1.0] * 3)
        self.fc6 = he_conv(trunk.channels["pool5"], filters, 7, padding=0 if padding == "release" else 3)
        self.relu6 = nn.ReLU(inplace=True)
        self.drop6 = nn.Dropout(dropout)
        self.fc7 = he_conv(filters, filters, 1)
        self.relu7 = nn.ReLU(inplace=True)
        self.drop7 = nn.Dropout(dropout)
        self.score_fr = _zero_score(filters, classes)

        around = 0 if padding == "release" else 1
        self.surround = Surround() if around else nn.Identity()
        grid = through(self.fc6, trunk.grids["pool5"]).shifted(-around)
        self.skips = SKIPS[stride]
        self.upscores = [*("upscore2", "upscore_pool4")[: len(self.skips)], LAST_UPSCORE[stride]]
        for skip, upscore in zip(self.skips, self.upscores, strict=False):
            upsampling, grid = upsampling_onto(trunk.grids[skip], grid, classes, learned)
            fuse = Fuse(grid, trunk.grids[skip])
            grid = fuse.grid.shifted(-around)
            self.add_module(upscore, upsampling)
            self.add_module(f"score_{skip}", _zero_score(trunk.channels[skip], classes))
            self.add_module(f"fuse_{skip}", fuse)
        upsampling, grid = upsampling_onto(Grid(), grid, classes)
        self.add_module(self.upscores[-1], upsampling)
        self.score = Crop(grid)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.backbone(self.normalise(image))
        x = self.drop6(self.relu6(self.fc6(features["pool5"])))
        x = self.drop7(self.relu7(self.fc7(x)))
        scores = self.surround(self.score_fr(x))
        for skip, upscore in zip(self.skips, self.upscores, strict=False):
            scored = self.get_submodule(f"score_{skip}")(features[skip])
            fused = self.get_submodule(f"fuse_{skip}")(self.get_submodule(upscore)(scores), scored)
            scores = self.surround(fused)
        full: torch.Tensor = self.score(self.get_submodule(self.upscores[-1])(scores), image)
        return full


def fcn(
    backbone: str = "vgg16",
    stride: int = 8,
    classes: int = 21,
    padding: str = "same",
    upsampling: str = "fixed",
    dropout: float = 0.5,
    widths: Sequence[int] = WIDTHS,
    filters: int = 4096,
) -> FCN:
    """FCN with random weights and zero scores.

    `padding`: "release" puts 100 pixels around the image and none before fc6, as the authors' files do;
    "same" pads every layer by half its kernel, 0.6 times the work, and takes fc6 into the same place.
    `upsampling` between the skips is "fixed", as in the release, or "learned", as in the paper. `widths` and
    `filters` (of fc6 and fc7) make smaller nets of the same form.
    """
    for name, value, allowed in (
        ("backbone", backbone, ("vgg16",)),
        ("stride", stride, STRIDES),
        ("padding", padding, ("same", "release")),
        ("upsampling", upsampling, ("fixed", "learned")),
    ):
        if value not in allowed:
            raise ValueError(f"{name} is one of {', '.join(map(str, allowed))}, not {value}")
    trunk = vgg16_trunk(
        taps=("pool3", "pool4", "pool5"), first_padding=100 if padding == "release" else 1, widths=widths
    )
    return FCN(trunk, stride, classes, padding, upsampling == "learned", dropout, filters)


def _zero_score(channels: int, classes: int) -> nn.Conv2d:
    score = nn.Conv2d(channels, classes, 1)
    for parameter in score.parameters():
        nn.init.zeros_(parameter)
    return score
