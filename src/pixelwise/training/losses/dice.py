"""Soft Dice loss: one minus the overlap of probabilities and labels, class by class, in a batch.

Source: Milletari et al. 2016 ("V-Net"), section 3, with plain instead of squared sums in the denominator.
"""

import torch

from pixelwise.training.losses.labelled_pixels import labelled_rows
from pixelwise.training.losses.registry import register


@register("dice")
def dice(scores: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """1 - 2 sum(p g) / (sum(p) + sum(g)), averaged over the classes that have labels in the batch, by
    `weights` if there are any, times the labelled pixels.
    """
    rows, truth = labelled_rows(scores, labels)
    count = rows.shape[1]
    pixels = torch.bincount(truth, minlength=count).to(rows.dtype)
    present = pixels > 0
    if not present.any():
        return rows.sum()  # no rows: 0, with a gradient
    probabilities = rows.softmax(1)
    shared = torch.zeros(count, dtype=rows.dtype, device=rows.device)
    shared = shared.index_add(0, truth, probabilities.gather(1, truth[:, None])[:, 0])
    losses = 1 - 2 * shared / (probabilities.sum(0) + pixels).clamp(min=1e-12)
    factors = present.to(rows.dtype) * (1 if weights is None else weights.to(rows.dtype))
    return (losses * factors).sum() / factors.sum().clamp(min=1e-12) * len(rows)
