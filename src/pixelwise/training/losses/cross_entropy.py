"""Multinomial logistic loss. Source: Long et al. 2015, section 4.3."""

import torch

from pixelwise.cpu.loss import total_cross_entropy
from pixelwise.training.losses.labelled_pixels import labelled
from pixelwise.training.losses.registry import register

register("cross_entropy")(total_cross_entropy)


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
    Scores of 16 bits are summed in float32.

    Source: Long et al. 2015, section 4.3, normalised by pixels.
    """
    if pixels is None:
        pixels = labelled(labels).clamp(min=1)
    total = total_cross_entropy(scores.float() if scores.itemsize == 2 else scores, labels, weights)
    return total / pixels
