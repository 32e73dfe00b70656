"""Which pixels and classes a loss counts; pixels labelled VOID never count."""

import torch

from pixelwise.core.types import VOID


def among(scores: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """The scores (N, C, H, W) with those of other classes than `classes` (N, C, bool) so low that they take
    no probability: each pixel is judged among the classes that its data set labels.
    """
    if classes.all():
        return scores
    return scores.masked_fill(~classes[:, :, None, None], -1e4)


def labelled(labels: torch.Tensor) -> torch.Tensor:
    """How many pixels have a label."""
    return (labels != VOID).sum()


def labelled_rows(scores: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The scores (P, C), in float32 at least, and the labels (P) of the P labelled pixels of a batch."""
    known = labels != VOID
    rows = scores.movedim(1, -1)[known]
    return rows if rows.dtype == torch.float64 else rows.float(), labels[known].long()
