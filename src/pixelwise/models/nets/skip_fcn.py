"""FCN's skip architecture on any trunk. Source: Long et al. 2015, section 4.2.

Class scores of the deepest feature map are upsampled step by step; at each finer stride the scores of that
layer, zero at the start, are added, so a net with skips begins as the net without.

Departures from the paper: a context block (atrous convolutions and the global average) feeds the deepest
score; skips may pass through one hidden layer before the 1x1 score, as the branches of DeepLab's
multi-scale variant do; images are padded to a size on which the cells of every level lie on those of the
next finer one as the trunk's layout says (layout.py), and so do the upsampled scores.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.models.layers.alignment import Surround
from pixelwise.models.layers.bilinear import BilinearUpsampling
from pixelwise.models.layers.frozen_batch_norm import freeze_batch_norm
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.trunks import timm_trunks
from pixelwise.models.trunks.timm_trunks import Backbone, Level


@dataclass(frozen=True)
class Head:
    """What stands on the trunk. `context` and `hidden` count channels, 0 leaves the block or layer out."""

    skips: tuple[int, ...] = (16, 8, 4)
    context: int = 128
    rates: tuple[int, ...] = (2, 4)
    hidden: int = 0
    dropout: float = 0.1
    upsampling: str = "fixed"


class Context(nn.Module):
    """What surrounds a cell: a 1x1 convolution, a 3x3 one for each atrous rate, the global average; then
    mixed by a 1x1.
    """

    def __init__(self, channels: int, width: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.local = nn.Conv2d(channels, width, 1)
        self.atrous = nn.ModuleList(nn.Conv2d(channels, width, 3, padding=r, dilation=r) for r in rates)
        self.everywhere = nn.Conv2d(channels, width, 1)
        self.mix = nn.Conv2d(width * (2 + len(rates)), width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        everywhere = self.everywhere(x.mean((2, 3), keepdim=True)).expand(-1, -1, x.shape[2], x.shape[3])
        parts = [self.local(x), *(conv(x) for conv in self.atrous), everywhere]
        return F.relu(self.mix(F.relu(torch.cat(parts, 1))))


class SkipFCN(SegmentationNet):
    """RGB images (N, 3, H, W), 0 to 255, uint8 or float, of any size, or bands (N, K, H, W), to class scores
    (N, C, H, W) float32.

    Normalisation happens inside. timm's nets with "tf_" pad unevenly, which the alignment does not know of.
    """

    backbone: Backbone

    def __init__(self, backbone: Backbone, classes: int, head: Head) -> None:
        super().__init__(backbone.mean, backbone.std)
        if head.upsampling not in ("fixed", "learned"):
            raise ValueError(f'upsampling must be "fixed" or "learned", got "{head.upsampling}"')
        self.backbone = backbone
        self.deepest = backbone.levels[-1]
        width = head.context or self.deepest.channels
        self.context = Context(self.deepest.channels, width, head.rates) if head.context else nn.Identity()
        self.dropout = nn.Dropout2d(head.dropout)
        self.score_fr = nn.Conv2d(width, classes, 1)
        _zero(self.score_fr)
        nn.init.normal_(self.score_fr.weight, std=0.01)

        self.skips = [skip_level(backbone.levels, stride) for stride in sorted(head.skips, reverse=True)]
        self.scores, self.upsamplings = nn.ModuleList(), nn.ModuleList()
        stride = self.deepest.stride
        learned = head.upsampling == "learned"
        for level in self.skips:
            self.scores.append(_skip_score(level.channels, head.hidden, classes))
            self.upsamplings.append(self._upsampling(classes, stride // level.stride, learned))
            stride = level.stride
        self.score_stride = stride
        self.upsample = self._upsampling(classes, stride)

    def _upsampling(self, classes: int, factor: int, learned: bool = False) -> nn.Module:
        """Cells of the trunk's layout onto those of a stride `factor` times finer."""
        if factor == 1 or not self.backbone.layout.between:
            return BilinearUpsampling(classes, factor, learned)
        # The repeated outer cells lie beyond the border: a factor each side, and half of one more.
        upsampling = BilinearUpsampling(classes, factor, learned, 2 * factor, 3 * factor // 2)
        return nn.Sequential(Surround(), upsampling)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        layout = self.backbone.layout
        padded_height, padded_width = (layout.padded(n, self.deepest.stride) for n in (height, width))
        x = F.pad(self.normalise(image), (0, padded_width - width, 0, padded_height - height))
        features = self.backbone(x)
        scores = self.score_fr(self.dropout(self.context(features[self.deepest.index])))
        for level, score, upsampling in zip(self.skips, self.scores, self.upsamplings, strict=True):
            scores, fine = upsampling(scores), score(features[level.index])
            if not layout.odd:  # what lies beyond the last coarse cell
                fine = fine[..., : scores.shape[-2], : scores.shape[-1]]
            scores = scores + fine
        full: torch.Tensor = self.upsample(scores)
        return full[..., :height, :width]


def skip_fcn(
    classes: int = 21,
    backbone: str = "efficientnet_lite2",
    weights: str = "none",
    output_stride: int = 32,
    batch_norm: str = "frozen",
    in_channels: int = 3,
    **head: Any,
) -> SkipFCN:
    """SkipFCN on a trunk of timm's; `head`: the fields of Head. batch_norm: "frozen" folds its statistics.

    Raises ValueError if the trunk has no layer for a skip or its normalisation cannot be frozen, ModelError
    if timm does not know it or the weights do not fit.
    """
    trunk = timm_trunks.backbone(backbone, weights, output_stride, in_channels)
    net = SkipFCN(trunk, classes, Head(**head))
    if batch_norm == "frozen":
        freeze_batch_norm(net, torch.zeros(1, in_channels, 65, 65))
    return net


def skip_level(levels: tuple[Level, ...], stride: int) -> Level:
    """The deepest level of that stride below the last one. Raises ValueError if there is none."""
    found = [level for level in levels[:-1] if level.stride == stride]
    if not found:
        strides = sorted({level.stride for level in levels[:-1]})
        raise ValueError(f"the trunk has no layer of stride {stride} for a skip; it has {strides}")
    return found[-1]


def _skip_score(channels: int, hidden: int, classes: int) -> nn.Sequential:
    """A score layer that gives zeros until it is trained."""
    score = nn.Conv2d(hidden or channels, classes, 1)
    _zero(score)
    if hidden == 0:
        return nn.Sequential(score)
    return nn.Sequential(nn.Conv2d(channels, hidden, 3, padding=1), nn.ReLU(inplace=True), score)


def _zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
