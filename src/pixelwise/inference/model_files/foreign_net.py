"""Adapt any torch module to our interface: normalise its pixels and resize its scores to the picture."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.core.errors import ModelError
from pixelwise.core.terminal import reason_of
from pixelwise.inference.model_files.evaluation_mode import EvaluationMode
from pixelwise.inference.normalisation import Normalisation, check_multiple

_SMALLER = "there is too little memory: load the net with a smaller long_side, or tiles"
_MULTIPLE = (
    "nets that halve their maps several times need sides that are a multiple: try multiple=32; a net of one "
    "size, such as 224, needs multiple=224 and long_side=224"
)


class ForeignNet(nn.Module):
    """RGB (N, 3, H, W) from 0 to 255, or bands (N, K, H, W), in; class scores (N, C, H, W) out, whatever the
    net's own stride is.

    The net takes them normalised, in its own precision, padded at the right and the bottom to sides that are
    a multiple of `multiple`, and gives scores as a tensor, as `.logits` (transformers) or as ["out"]
    (torchvision). It is in evaluation mode while it scores, and in the mode of its owner afterwards.
    """

    factor: torch.Tensor
    offset: torch.Tensor

    def __init__(self, net: nn.Module, normalisation: Normalisation, multiple: int = 1) -> None:
        super().__init__()
        check_multiple(multiple)
        self.net = net
        self.training = False  # of this module; the net's own is its owner's
        self.multiple = multiple
        self.gives_probabilities = False
        """Whether the net ends in a softmax; then the logarithms are the scores."""
        self._mode = EvaluationMode()
        factor, offset = normalisation.factor_and_offset()
        self.register_buffer("factor", torch.from_numpy(factor).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("offset", torch.from_numpy(offset).view(1, -1, 1, 1), persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        height, width = image.shape[-2:]
        x = image.to(self.factor) * self.factor + self.offset
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
        scores = scores_in(self._output(x, (height, width))).float()
        if self.gives_probabilities:
            scores = scores.clamp_min(torch.finfo(torch.float32).tiny).log()
        if scores.shape[-2:] != x.shape[-2:]:
            scores = F.interpolate(scores, x.shape[-2:], mode="bilinear", align_corners=False)
        return scores[..., :height, :width]

    def _output(self, x: torch.Tensor, size: tuple[int, int]) -> Any:
        own = next((value.dtype for value in self.net.parameters() if value.is_floating_point()), x.dtype)
        try:
            with self._mode.of(self.net):
                return self.net(x.to(own))
        except Exception as problem:  # of code that is not ours
            is_large = isinstance(problem, MemoryError | torch.OutOfMemoryError)
            raise ModelError(
                f"the net fails on a picture of {size[0]}x{size[1]}: {type(problem).__name__}: "
                f"{reason_of(problem)}",
                _SMALLER if is_large else _MULTIPLE,
            ) from problem


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
