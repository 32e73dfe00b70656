"""The interface of all nets: pixels in, class scores out, with the normalisation inside."""

from collections.abc import Mapping
from typing import Protocol, Self

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

CAFFE_MEAN = (122.67892, 116.66877, 104.00699)
"""RGB, as nets trained in Caffe on ImageNet and VOC subtract it; they do not divide by a deviation."""
NYUD_MEAN = (92.318, 97.203, 116.190)
LOG_DEPTH_MEAN = (7.844,)
"""RGB and the logarithm of depth, of NYUDv2 as FCN's release subtracts them."""
TORCHVISION_MEAN = (123.675, 116.28, 103.53)
TORCHVISION_STD = (58.395, 57.12, 57.375)
"""RGB, in units of 0 to 255."""


class Stages(Protocol):
    """A backbone whose first stages can be frozen."""

    def freeze(self, stages: int) -> None:
        """Stop the learning of the first `stages` stages; 0: of none."""


class SegmentationNet(nn.Module):
    """Base of the nets that can be trained: images (N, C, H, W), 0 to 255, uint8 or float, of any size, to
    class scores (N, classes, H, W) float32. RGB comes first and in this order.

    Parameters under the name `backbone` are the trunk that came with weights; training gives it a learning
    rate of its own. `score_stride` is that of the scores before the last upsampling, in pixels, and one of
    their cells lies on pixel `score_offset` of each axis. In training mode a net may give the scores of every
    `label_stride`-th pixel only, beginning at `label_offset`.
    """

    backbone: Stages
    mean: torch.Tensor
    std: torch.Tensor
    score_stride: int
    score_offset = 0.0
    label_stride = 1
    label_offset = 0

    def __init__(self, mean: tuple[float, ...] | list[float], std: tuple[float, ...] | list[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def freeze(self, stages: int) -> None:
        """Stop the learning of the first `stages` stages of the trunk, 0: of none."""
        self.backbone.freeze(stages)

    def train(self, mode: bool = True) -> Self:
        """As in torch, but batch normalisation that is frozen keeps its statistics and uses them."""
        super().train(mode)
        for module in self.modules() if mode else ():
            if isinstance(module, _BatchNorm) and _is_frozen(module):
                module.eval()
        return self

    def normalise(self, image: torch.Tensor) -> torch.Tensor:
        """(image - mean) / std, the numbers that the trunk was trained on."""
        return (image.to(self.mean.dtype) - self.mean) / self.std

    def sampled(self, labels: torch.Tensor) -> torch.Tensor:
        """The labels (N, H, W) of the pixels that training mode scores, the last pixel standing in for those
        beyond.
        """
        if self.label_stride == 1:
            return labels
        rows, columns = (
            torch.arange(self.label_offset, n + self.label_offset, self.label_stride).clamp(max=n - 1)
            for n in labels.shape[-2:]
        )
        return labels[:, rows[:, None], columns]


def _is_frozen(module: nn.Module) -> bool:
    own = list(module.parameters())
    return bool(own) and not any(parameter.requires_grad for parameter in own)


def by_head(scores: torch.Tensor, sizes: Mapping[str, int]) -> dict[str, torch.Tensor]:
    """The scores of each head of a net with several; `sizes` counts the classes by head, in the order in
    which they stand side by side.
    """
    return dict(zip(sizes, torch.split(scores, list(sizes.values()), 1), strict=True))


class OneHead(SegmentationNet):
    """A net with several heads, `sizes` as in `by_head`, that gives the scores of one. For nets that are
    done learning.
    """

    def __init__(self, net: SegmentationNet, sizes: Mapping[str, int], head: str) -> None:
        super().__init__(net.mean.flatten().tolist(), net.std.flatten().tolist())
        self.net, self.score_stride = net, net.score_stride
        self.sizes, self.head = dict(sizes), head

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return by_head(self.net(image), self.sizes)[self.head]
