"""Focal loss: pixels that are already right count less. Source: Lin et al. 2017, equation 4, gamma 2."""

import torch

from pixelwise.training.losses.labelled_pixels import labelled_rows
from pixelwise.training.losses.registry import register

GAMMA = 2.0


@register("focal")
def focal(scores: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """The sum over labelled pixels of -(1 - p)^2 log p, in nats, with p the probability of the true class."""
    rows, truth = labelled_rows(scores, labels)
    log_p = rows.log_softmax(1).gather(1, truth[:, None])[:, 0]
    losses = (1 - log_p.exp()) ** GAMMA * -log_p
    return (losses if weights is None else losses * weights.to(losses.dtype)[truth]).sum()
