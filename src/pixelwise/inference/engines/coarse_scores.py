"""Scores of a picture before the net's last upsampling, which is done where they are needed."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.core.types import Scores

_MOST = 1e30
"""Between larger scores differences may overflow."""


@dataclass(frozen=True)
class CoarseScores:
    """Scores (C, h, w); cell (i, j) is pixel (i, j) * stride of a grid of `size`, (height, width)."""

    cells: Scores
    stride: int
    size: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, height, width) of the enlarged scores."""
        return len(self.cells), *self.size

    def is_finite(self) -> bool:
        """Whether all enlarged scores are finite numbers."""
        return bool(_core.all_finite(self.cells)) and float(np.abs(self.cells).max(initial=0)) < _MOST

    def enlarged(self) -> Scores:
        """(C, height, width) scores, interpolated bilinearly."""
        out = np.empty(self.shape, np.float32)
        _core.enlarge(self.cells, self.stride, out)
        return out

    def label(
        self,
        labels: npt.NDArray[np.uint8],
        counts: npt.NDArray[np.int64],
        sums: npt.NDArray[np.float64],
        threads: int,
    ) -> None:
        """Fill in what `probabilities.labels_of` returns for the enlarged scores, which are not kept."""
        _core.label_pixels(self.cells, labels, counts, sums, threads, self.stride, self.size)
