"""Lovasz-softmax: a convex surrogate of the mean IoU. Source: Berman et al. 2018, equations 9 and 12."""

import numpy as np
import torch

from pixelwise.training.losses.labelled_pixels import labelled_rows
from pixelwise.training.losses.registry import register


@register("lovasz")
def lovasz(scores: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """The Lovasz extension of the Jaccard loss of each class that has labels in the batch, averaged over
    these classes, by `weights` if there are any, times the labelled pixels.
    """
    rows, truth = labelled_rows(scores, labels)
    probabilities = rows.softmax(1)
    present = torch.bincount(truth).nonzero().flatten()
    factors = rows.new_ones(len(present)) if weights is None else weights[present].to(rows)
    factors = factors / factors.sum().clamp(min=1e-12)
    # How the loss changes with each probability, and what it is if all of them are 0.
    slopes, constant = torch.zeros_like(probabilities), rows.sum() * 0
    for class_, factor in zip(present.tolist(), factors, strict=True):
        true = truth == class_
        chosen = probabilities.detach()[:, class_]
        growth = factor * _growth(torch.where(true, 1 - chosen, chosen), true)
        slopes[:, class_] = torch.where(true, -growth, growth)
        constant = constant + growth[true].sum()
    return (constant + (probabilities * slopes).sum()) * len(rows)


def _growth(errors: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """By how much the Jaccard loss grows with each pixel (P), if pixels turn wrong in the order of their
    errors (P), the largest first.

    A pixel of the class leaves the intersection, any other joins the union. Both steps are written as
    products: the difference of two losses near 1 would keep few digits in float32.
    """
    order = _largest_first(errors)
    sorted_true = true.take(order)
    found = sorted_true.cumsum(0)
    left = (found[-1] - found).to(errors.dtype)
    union = torch.arange(1, len(errors) + 1, device=errors.device) + left
    steps = torch.where(sorted_true, 1.0, left / (union - 1).clamp(min=1)) / union
    return torch.empty_like(errors).scatter_(0, order, steps)


def _largest_first(errors: torch.Tensor) -> torch.Tensor:
    """The order of the errors (P), at least 0, from large to small.

    On the CPU numpy sorts whole numbers four times as fast as torch sorts float32: the bits of a positive
    float32 are in the order of its values, and the pixel's place fills the lower half of the number.
    """
    if errors.device.type != "cpu" or errors.dtype != torch.float32:
        return errors.argsort(descending=True)
    keys = errors.abs().numpy().view(np.uint32).astype(np.uint64) << np.uint64(32)
    keys |= np.arange(len(keys), dtype=np.uint64)
    keys.sort()
    return torch.from_numpy((keys[::-1] & np.uint64(0xFFFFFFFF)).astype(np.int64))
