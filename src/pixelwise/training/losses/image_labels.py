"""Labels of pixels estimated from labels of whole pictures, while a net learns from them.

Source: Papandreou, Chen, Murphy and Yuille, "Weakly- and semi-supervised learning of a deep convolutional
network for semantic image segmentation", 2015, sections 2.2 and 2.3, with their values. Class 0 is the
background, as in PASCAL VOC.
"""

from collections.abc import Mapping
from typing import Protocol

import torch

FOREGROUND_BIAS, BACKGROUND_BIAS = 5.0, 3.0
"""b_fg > b_bg > 0, so that objects get more pixels than the background when in doubt."""

FOREGROUND_SHARE, BACKGROUND_SHARE = 0.2, 0.4
"""rho of EM-Adapt: of a picture's pixels, how many a class that it shows gets at least."""

_ROUNDS = 5


class Estimate(Protocol):
    """Labels (N, H, W) from scores (N, C, H, W), the classes that each picture shows (N, C, bool), and the
    pixels that belong to the picture (N, H, W, bool).
    """

    def __call__(self, scores: torch.Tensor, present: torch.Tensor, inside: torch.Tensor) -> torch.Tensor: ...


def em_fixed(scores: torch.Tensor, present: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """EM-Fixed: the scores of classes that a picture shows gain a fixed bias; the best class is the label.

    A class that the picture does not show may still win, as in the paper.
    """
    biases = torch.full((scores.shape[1],), FOREGROUND_BIAS, device=scores.device, dtype=scores.dtype)
    biases[0] = BACKGROUND_BIAS
    return (scores + (present * biases)[:, :, None, None]).argmax(1)


def em_adaptive(scores: torch.Tensor, present: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """EM-Adapt: classes that a picture does not show get no pixel. The others gain a bias that gives them at
    least their share of the picture's pixels: 0.4 for the background, 0.2 for another class. Shares that
    exceed 0.9 together are reduced to 0.9.

    Pixels beyond the picture do not count: the background would fill its share with them.
    """
    labels = torch.empty_like(scores[:, 0], dtype=torch.int64)
    for place, (own, shown) in enumerate(zip(scores, present, strict=True)):
        ids = shown.nonzero()[:, 0]
        if not len(ids):
            labels[place] = own.argmax(0)
            continue
        shares = torch.where(ids == 0, BACKGROUND_SHARE, FOREGROUND_SHARE)
        shares = shares * min(1.0, 0.9 / float(shares.sum()))
        biases = _biases(own[ids][:, inside[place]], shares)
        labels[place] = ids[(own[ids] + biases[:, None, None]).argmax(0)]
    return labels


def _biases(scores: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """A bias for each row of scores (K, P), with which the row is the largest in nearly its share of the
    columns: the smallest bias that does so, for the rows in turn, several times.
    """
    biased, biases = scores.clone(), scores.new_zeros(len(scores))
    if len(scores) == 1 or not scores.numel():
        return biases
    for _ in range(_ROUNDS):
        for row in range(len(scores)):
            others = torch.cat([biased[:row], biased[row + 1 :]]).amax(0)
            lacking = others - biased[row]
            needed = lacking.kthvalue(max(1, round(float(shares[row]) * lacking.numel()))).values
            more = needed.clamp(min=0) * 1.0001 + (needed >= 0) * 1e-6
            biased[row] += more
            biases[row] += more
    return biases


ESTIMATES: Mapping[str, Estimate] = {"em_fixed": em_fixed, "em_adaptive": em_adaptive}
