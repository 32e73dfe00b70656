"""Losses per pixel. Pixels labelled VOID are ignored."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pixelwise.core.types import VOID
from pixelwise.cpu.loss import total_cross_entropy


def cross_entropy(
    scores: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor | None = None,
    pixels: torch.Tensor | float | None = None,
) -> torch.Tensor:
    """Multinomial logistic loss, the mean over the labelled pixels of the batch, in nats; 0 if there are
    none.

    `scores` (N, C, H, W), `labels` (N, H, W) integer; each pixel's loss is multiplied by the weight (C) of
    its class. `pixels` to divide the sum by: the batch may be part of a larger one, or 1 gives the sum.
    Source: Long et al. 2015, section 4.3, normalised by pixels.
    """
    if pixels is None:
        pixels = labelled(labels).clamp(min=1)
    total = total_cross_entropy(scores, labels, weights)
    return total / pixels


def among(scores: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The scores (N, C, H, W), so low for classes outside `classes` (N, C, bool) that these get no
    probability. So the loss of a pixel considers only the classes that its data set labels.
    """
    if classes.all():
        return scores
    return scores.masked_fill(~classes[:, :, None, None], -1e4)


def labelled(labels: torch.Tensor) -> torch.Tensor:
    """The number of labelled pixels."""
    return (labels != VOID).sum()


def balancing_weights(pixels: Sequence[int], power: float = 1.0) -> torch.Tensor:
    """Weights (C): pixels of the class in the training set to the power -`power`, scaled to a mean of 1 over
    all pixels. With `power` 1 all classes count equally. Classes without pixels get 0.

    The FCN paper finds balancing unnecessary (section 4.3) and does not define weights. Raises ValueError if
    there are no pixels at all.
    """
    counts = torch.tensor(pixels, dtype=torch.float64)
    present = counts > 0
    if not present.any():
        raise ValueError("no pixel has a label, so classes cannot be balanced")
    weights = torch.where(present, counts.clamp(min=1) ** -power, 0)
    return (weights * counts.sum() / (weights * counts).sum()).float()


def sampled_by_class(labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """`labels` (N, H, W), where each pixel is kept with the probability weight / largest weight of its class
    (C) and becomes VOID otherwise. torch's CPU generator draws.

    Balancing by sampling the loss instead of weighting it: Long et al. 2015, section 4.3.
    """
    chances = torch.zeros(VOID + 1)
    chances[: len(weights)] = weights.cpu() / weights.max().cpu()
    kept = torch.rand(labels.shape) < chances[labels.cpu().long()]
    return torch.where(kept.to(labels.device), labels, VOID)


@dataclass(frozen=True)
class LossSampling:
    """Patch sampling as a loss over some of the cells: each cell of the final layer counts with probability
    `share`, independently of the others, and batches hold 1 / share times as many images.

    Source: Long et al. 2015, sections 3.4 and 4.3, where it does not help. `share` 1 keeps all cells.
    """

    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"the share of cells lies in (0, 1], got {self.share}")

    def grown(self, images: int) -> int:
        """Images that give as many cells as `images` whole ones."""
        return round(images / self.share)

    def __call__(self, labels: torch.Tensor, cell: int, centre: float = 0.0) -> torch.Tensor:
        """`labels` (N, H, W), VOID where the nearest cell is left out. torch's CPU generator draws the cells.
        They lie `cell` labels apart, one of them on label `centre` of each axis.
        """
        if self.share == 1:
            return labels
        images, height, width = labels.shape
        before = -math.ceil(centre - cell / 2) % cell  # labels that the first cell has beyond the border
        kept = torch.rand(images, *(-(-(size + before) // cell) for size in (height, width))) < self.share
        kept = kept.repeat_interleave(cell, 1).repeat_interleave(cell, 2)
        kept = kept[:, before : before + height, before : before + width]
        return torch.where(kept.to(labels.device), labels, VOID)
