"""Lovasz-softmax: a convex surrogate of the mean IoU. Source: Berman et al. 2018, equations 9 and 12."""

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
    total, factors = rows.sum() * 0, 0.0
    for class_ in torch.bincount(truth).nonzero().flatten().tolist():
        factor = 1.0 if weights is None else float(weights[class_])
        total = total + factor * _jaccard(probabilities[:, class_], truth == class_)
        factors += factor
    return total / max(factors, 1e-12) * len(rows)


def _jaccard(probabilities: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """The Lovasz extension for one class, of its probabilities (P) and where it is true (P)."""
    errors, order = torch.where(truth, 1 - probabilities, probabilities).sort(descending=True)
    found = truth[order].to(errors.dtype)
    all_true = found.sum()
    # The Jaccard loss if the k + 1 pixels with the largest errors are wrong, and its growth with each.
    jaccard = 1 - (all_true - found.cumsum(0)) / (all_true + (1 - found).cumsum(0))
    growth = torch.cat([jaccard[:1], jaccard.diff()])
    return (errors * growth).sum()
