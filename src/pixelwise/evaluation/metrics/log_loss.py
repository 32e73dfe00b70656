"""The mean cross entropy of a split, which shows overfitting before accuracy does."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.types import VOID, Labels

_UNIT = 2**20


class LogLoss:
    """The sum over pixels of -log p, in nats / 2^20, with p the true class's probability, and the pixels."""

    CONVENTION = (
        "mean over all labelled pixels of the split of -log p, with p the probability of the true class, at "
        "least 1e-7"
    )

    def __init__(self) -> None:
        self.total, self.pixels = 0, 0

    def add(self, truth: Labels, probabilities: npt.NDArray[np.float32]) -> None:
        """Count one image: labels (H, W), probabilities (C, H, W)."""
        known = np.nonzero(truth != VOID)
        own = probabilities[truth[known], *known]
        image = -np.log(np.maximum(own, 1e-7), dtype=np.float64).sum()
        self.total += round(float(image) * _UNIT)  # whole numbers add up to the same in any order
        self.pixels += own.size

    def merge(self, other: "LogLoss") -> None:
        """Add what another process has counted."""
        self.total += other.total
        self.pixels += other.pixels

    def mean(self) -> float:
        """In nats; NaN if no pixel was counted."""
        return self.total / _UNIT / self.pixels if self.pixels else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """The mean, None if no pixel was counted, and its convention."""
        return {"mean": self.mean() if self.pixels else None, "convention": self.CONVENTION}
