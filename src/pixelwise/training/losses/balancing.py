"""Classes that count more because they are rare: by weights, or by sampling their pixels."""

from collections.abc import Sequence

import torch

from pixelwise.core.types import VOID


def balancing_weights(pixels: Sequence[int], power: float = 1.0) -> torch.Tensor:
    """Weights (C): the classes' pixels in the training set to minus `power`, so scaled that the mean over all
    pixels is 1; with 1 each class weighs as much. Classes without pixels get 0.

    The FCN paper finds balancing unnecessary (section 4.3) and does not say how to weigh. Raises ValueError
    if there are no pixels at all.
    """
    counts = torch.tensor(pixels, dtype=torch.float64)
    present = counts > 0
    if not present.any():
        raise ValueError("no pixel has a label, so classes cannot be balanced")
    weights = torch.where(present, counts.clamp(min=1) ** -power, 0)
    return (weights * counts.sum() / (weights * counts).sum()).float()


def sampled_by_class(labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """`labels` (N, H, W) of which a pixel stays with the probability that its class's weight (C) has of the
    largest one, and is VOID else; torch's generator of the CPU decides.

    Balancing by sampling the loss instead of weighting it: Long et al. 2015, section 4.3.
    """
    chances = torch.zeros(VOID + 1)
    chances[: len(weights)] = weights.cpu() / weights.max().cpu()
    kept = torch.rand(labels.shape) < chances[labels.cpu().long()]
    return torch.where(kept.to(labels.device), labels, VOID)
