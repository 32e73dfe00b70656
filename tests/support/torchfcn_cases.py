"""The weights and the image that torchfcn's nets and ours are compared with."""

import numpy as np
import torch
from torch import nn

FILTERS = 32
"""Of fc6 and fc7, instead of 4,096."""
CLASSES = 5
SIZE = (37, 50)
NETS = {"fcn32s": "FCN32s", "fcn16s": "FCN16s", "fcn8s": "FCN8s", "fcn8s_at_once": "FCN8sAtOnce"}
"""Our names of the nets and torchfcn's."""


def fill(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Give every tensor but those of upsampling numbers that depend on its name alone, in place."""
    for name, tensor in tensors.items():
        if not name.startswith("upscore"):
            random = np.random.default_rng(list(name.encode()))
            fan_in = tensor[0].numel() if tensor.ndim > 1 else 100
            values = random.standard_normal(tuple(tensor.shape), np.float32) * (2 / fan_in) ** 0.5
            # Scores of some tens, as trained nets have.
            tensor.copy_(torch.from_numpy(0.1 * values if name.startswith("score") else values))
    return tensors


def image() -> torch.Tensor:
    """RGB, uint8, (1, 3, *SIZE)."""
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, *SIZE), np.uint8))


def scores_of(net: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """(classes, H, W)."""
    with torch.inference_mode():
        scores: torch.Tensor = net.eval()(pixels)[0]
    return scores
