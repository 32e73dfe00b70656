"""Online hard example mining: only the pixels with the largest losses count.

Source: Shrivastava et al. 2016, by pixels instead of regions. Hard are pixels whose true class has a
probability below 0.7, and in any case a sixteenth of the batch's labelled pixels.
"""

import math

import torch

from pixelwise.training.losses.labelled_pixels import labelled_rows
from pixelwise.training.losses.registry import register

PROBABILITY, LEAST_SHARE = 0.7, 1 / 16


@register("ohem")
def ohem(scores: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """The mean cross entropy of the hard pixels, in nats, times the labelled pixels."""
    rows, truth = labelled_rows(scores, labels)
    if not len(rows):
        return rows.sum()
    plain = -rows.log_softmax(1).gather(1, truth[:, None])[:, 0]
    hard = int((plain.detach() > -math.log(PROBABILITY)).sum())
    chosen = plain.detach().topk(max(hard, math.ceil(len(rows) * LEAST_SHARE))).indices
    losses = plain[chosen]
    if weights is not None:
        losses = losses * weights.to(losses.dtype)[truth[chosen]]
    return losses.mean() * len(rows)
