"""Calibration of confidence: of the pixels with a confidence of 80 %, 80 % should be right.

Confidence is the probability of the predicted class. Source: Guo et al. 2017 ("On calibration of modern
neural networks"): 15 bins of equal width, expected calibration error = sum over bins of their share of
pixels times the gap between their accuracy and their mean confidence.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.types import VOID, Labels

BINS = 15


class Calibration:
    """For each bin of confidence: pixels, right pixels, and the sum of their confidences."""

    CONVENTION = (
        f"confidence is the probability of the predicted class; {BINS} bins of equal width over all pixels "
        "of the split, void left out; ECE is the mean gap between accuracy and confidence, weighted by pixels"
    )

    def __init__(self) -> None:
        self.pixels = np.zeros(BINS, np.int64)
        self.right = np.zeros(BINS, np.int64)
        self.confidence = np.zeros(BINS, np.float64)

    def add(self, truth: Labels, prediction: Labels, confidence: npt.NDArray[np.float32]) -> None:
        """Count one image: (H, W) labels, and the probability of each predicted label, from 0 to 1."""
        if not truth.shape == prediction.shape == confidence.shape:
            raise ValueError(
                f"truth {truth.shape}, prediction {prediction.shape} and confidence {confidence.shape} "
                "must have one shape"
            )
        known = truth != VOID
        sure = confidence[known]
        bins = np.clip(np.ceil(sure * BINS).astype(np.intp) - 1, 0, BINS - 1)
        right = (truth == prediction)[known]
        self.pixels += np.bincount(bins, minlength=BINS)
        self.right += np.bincount(bins[right], minlength=BINS)
        self.confidence += np.bincount(bins, sure, minlength=BINS)

    def merge(self, other: "Calibration") -> None:
        """Add what another process has counted."""
        self.pixels += other.pixels
        self.right += other.right
        self.confidence += other.confidence

    def error(self) -> float:
        """The expected calibration error, in [0, 1]; NaN if no pixel was counted."""
        total = int(self.pixels.sum())
        return float(np.abs(self.right - self.confidence).sum() / total) if total else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """The error and, per bin with pixels in it, its bounds, pixels, accuracy and mean confidence."""
        rows = [
            {
                "from": index / BINS,
                "to": (index + 1) / BINS,
                "pixels": int(self.pixels[index]),
                "accuracy": int(self.right[index]) / int(self.pixels[index]),
                "confidence": float(self.confidence[index]) / int(self.pixels[index]),
            }
            for index in map(int, np.flatnonzero(self.pixels))
        ]
        return {"ece": self.error() if rows else None, "bins": rows, "convention": self.CONVENTION}
