"""The loss of large score maps, compiled for the CPU.

It makes one pass forward and one backward in the memory order of the scores; torch would first transpose
them.
"""

from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from pixelwise import _core
from pixelwise.core.types import VOID


def total_cross_entropy(
    scores: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None
) -> torch.Tensor:
    """The sum over labelled pixels of the weighted multinomial logistic loss, in nats.

    `scores` (N, C, H, W), `labels` (N, H, W) integer with VOID, `weights` (C).
    """
    ours = scores.device.type == "cpu" and scores.dtype == torch.float32 and labels.dtype == torch.uint8
    if not (ours and scores.movedim(1, -1).is_contiguous()):
        if torch.are_deterministic_algorithms_enabled():  # CUDA has no such loss for maps
            scores, labels = scores.movedim(1, -1).flatten(0, 2), labels.flatten()
        return F.cross_entropy(scores, labels.long(), weights, ignore_index=VOID, reduction="sum")
    if weights is None:
        weights = torch.ones(scores.shape[1])
    total: torch.Tensor = _CrossEntropy.apply(scores, labels.flatten(), weights)
    return total


class _CrossEntropy(torch.autograd.Function):
    """labels (N * H * W)."""

    @staticmethod
    def forward(
        ctx: Any,
        scores: torch.Tensor,
        labels: torch.Tensor,
        weights: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(scores, labels, weights)
        pixels = scores.movedim(1, -1).flatten(0, 2).numpy()
        threads = torch.get_num_threads()
        return torch.tensor(_core.cross_entropy(pixels, labels.numpy(), weights.numpy(), 1.0, None, threads))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        scores, labels, weights = ctx.saved_tensors
        pixels = scores.movedim(1, -1)
        out = np.empty(pixels.shape, np.float32)
        numbers = pixels.flatten(0, 2).numpy(), labels.numpy(), weights.numpy()
        flat = out.reshape(-1, out.shape[-1])
        _core.cross_entropy(*numbers, float(gradient), flat, torch.get_num_threads())
        return torch.from_numpy(out).movedim(-1, 1), None, None
