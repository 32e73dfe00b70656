"""Bilinear upsampling as a transposed convolution. Source: Long et al. 2015, section 3.3, and their release
(surgery.py).
"""

import torch
from torch import nn
from torch.nn import functional as F


def bilinear_filter(size: int) -> torch.Tensor:
    """(size, size) float32: the separable triangle that interpolates by the factor (size + 1) // 2.

    Its centre lies on a tap for odd sizes and between two for even ones.
    """
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 == 1 else factor - 0.5
    triangle = 1 - (torch.arange(size, dtype=torch.float32) - centre).abs() / factor
    return triangle[:, None] * triangle[None, :]


class BilinearUpsampling(nn.Module):
    """(N, C, h, w) to (N, C, (h - 1) * factor + taps - 2 * padding, ...), each channel separately, float32.

    By default the filter has 2 * factor - 1 taps, and padding cuts off pixels beyond the outer cells, so that
    cell i of the input lies exactly on pixel i * factor of the output, without a border effect: the grid of
    nets whose strided layers pad by half their filter. Filters of 2 * factor taps, as in the release's VGG
    nets, put cells between pixels. `learned`: training changes the filter, which starts bilinear. `mixing`:
    filters from every channel to every other, (C, C, taps, taps), which start at zero off the diagonal.
    """

    def __init__(
        self,
        channels: int,
        factor: int,
        learned: bool = False,
        taps: int | None = None,
        padding: int | None = None,
        mixing: bool = False,
    ) -> None:
        super().__init__()
        if factor < 1:
            raise ValueError(f"the upsampling factor must be at least 1, got {factor}")
        self.factor = factor
        self.taps = 2 * factor - 1 if taps is None else taps
        if self.taps not in (2 * factor - 1, 2 * factor):
            raise ValueError(
                f"a bilinear filter of factor {factor} has {2 * factor - 1} or {2 * factor} taps, got {taps}"
            )
        self.padding = factor - 1 if padding is None else padding
        filters = bilinear_filter(self.taps).expand(channels, 1, -1, -1).clone()
        if mixing:
            filters = torch.eye(channels)[:, :, None, None] * filters
        self.groups = 1 if mixing else channels
        self.weight = nn.Parameter(filters, requires_grad=learned)

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        if not torch.amp.is_autocast_available(scores.device.type):  # the meta device
            return self._upsampled(scores)
        with torch.autocast(scores.device.type, enabled=False):
            return self._upsampled(scores)

    def _upsampled(self, scores: torch.Tensor) -> torch.Tensor:
        return F.conv_transpose2d(
            scores.float(),
            self.weight,
            stride=self.factor,
            padding=self.padding,
            groups=self.groups,
        )
