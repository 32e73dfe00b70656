"""Dropout with fast random numbers on the CPU."""

import numpy as np
import torch
from torch import nn

_STEPS = 1 << 16


class QuickDropout(nn.Dropout):
    """nn.Dropout with the probability rounded to 1/65536; torch's generator gives the seed of each pass."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0 or x.device.type != "cpu":
            return super().forward(x)
        seed = int(torch.randint(1 << 62, ()))
        numbers = np.frombuffer(np.random.Generator(np.random.SFC64(seed)).bytes(2 * x.numel()), np.uint16)
        kept = torch.from_numpy(numbers >= round(self.p * _STEPS))
        scale = torch.empty_like(x, requires_grad=False)  # in the memory order of x
        flat = scale.permute(0, 2, 3, 1) if scale.ndim == 4 else scale
        flat.copy_(kept.view(flat.shape)).div_(1 - self.p)
        return x * scale
