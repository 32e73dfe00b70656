"""Losses per pixel; pixels labelled VOID never count."""

import torch
from torch.nn import functional as F

from pixelwise.types import VOID


def cross_entropy(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Multinomial logistic loss, the mean over the labelled pixels of the batch, in nats; 0 if there are
    none.

    `scores` (N, C, H, W), `labels` (N, H, W) integer. Source: Long et al. 2015, section 4.3, normalised by
    pixels.
    """
    total = F.cross_entropy(scores, labels.long(), ignore_index=VOID, reduction="sum")
    return total / (labels != VOID).sum().clamp(min=1)
