"""The loss over some of the final layer's cells only."""

import math
from dataclasses import dataclass

import torch

from pixelwise.core.types import VOID


@dataclass(frozen=True)
class LossSampling:
    """Training on patches, as a loss over some of the cells: each cell of the final layer counts with
    probability `share`, alone of the others, while batches hold 1 / share times as many images.

    Source: Long et al. 2015, sections 3.4 and 4.3, where it does not help. `share` 1 is all cells.
    """

    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"the share of cells must be in (0, 1], got {self.share}")

    def grown(self, images: int) -> int:
        """Images that give as many cells as `images` whole ones."""
        return round(images / self.share)

    def __call__(self, labels: torch.Tensor, cell: int, centre: float = 0.0) -> torch.Tensor:
        """`labels` (N, H, W) with those VOID that are nearest to cells that are left out; torch's generator
        of the CPU decides. Cells lie `cell` labels apart, one of them on label `centre` of each axis.
        """
        if self.share == 1:
            return labels
        images, height, width = labels.shape
        before = -math.ceil(centre - cell / 2) % cell  # labels that the first cell has beyond the border
        kept = torch.rand(images, *(-(-(size + before) // cell) for size in (height, width))) < self.share
        kept = kept.repeat_interleave(cell, 1).repeat_interleave(cell, 2)
        kept = kept[:, before : before + height, before : before + width]
        return torch.where(kept.to(labels.device), labels, VOID)
