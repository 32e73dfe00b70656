"""Adapt any torch module to our interface: normalise its pixels and resize its scores to the picture."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.core.errors import ArgumentError, ModelError
from pixelwise.inference.normalisation import Normalisation


class ForeignNet(nn.Module):
    """RGB (N, 3, H, W) from 0 to 255, or bands (N, K, H, W), in; class scores (N, C, H, W) out, whatever the
    net's own stride is.

    The net takes them normalised, padded at the right and the bottom to sides that are a multiple of
    `multiple`, and gives scores as a tensor, as `.logits` (transformers) or as ["out"] (torchvision).
    """

    factor: torch.Tensor
    offset: torch.Tensor

    def __init__(self, net: nn.Module, normalisation: Normalisation, multiple: int = 1) -> None:
        super().__init__()
        if multiple < 1:
            raise ArgumentError("multiple", f"multiple is a number of pixels, at least 1, got {multiple}")
        self.net = net
        self.multiple = multiple
        factor, offset = normalisation.factor_and_offset()
        self.register_buffer("factor", torch.from_numpy(factor).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("offset", torch.from_numpy(offset).view(1, -1, 1, 1), persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        x = image.to(self.factor) * self.factor + self.offset
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        scores = scores_in(self.net(x)).float()
        if scores.shape[-2:] != x.shape[-2:]:
            scores = F.interpolate(scores, x.shape[-2:], mode="bilinear", align_corners=False)
        return scores[..., :height, :width]


def scores_in(output: Any) -> torch.Tensor:
    """The scores (N, C, h, w) in what a net returns. Raises ModelError if there are none."""
    found = getattr(output, "logits", output)
    if isinstance(found, dict) and "out" in found:
        found = found["out"]
    if not isinstance(found, torch.Tensor) or found.ndim != 4:
        kind = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        raise ModelError(
            f"the net returns {kind}; expected scores (N, C, h, w), an output with .logits, "
            "or a dict with 'out'",
            "wrap it in a module that returns the scores",
        )
    return found
