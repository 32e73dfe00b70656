"""The mean cross entropy of a split."""

import numpy as np
import pytest

from pixelwise.core.types import VOID
from pixelwise.evaluation.metrics.log_loss import LogLoss


def test_log_loss_is_the_mean_over_labelled_pixels_of_all_images() -> None:
    one, other = LogLoss(), LogLoss()
    half = np.full((2, 1, 2), 0.5, np.float32)
    one.add(np.array([[0, VOID]], np.uint8), half)
    sure = np.array([[[0.25, 1.0]], [[0.75, 0.0]]], np.float32)
    other.add(np.array([[1, 1]], np.uint8), sure)
    one.merge(other)
    expected = (np.log(2) - np.log(0.75) - np.log(1e-7)) / 3  # probabilities count as 1e-7 at least
    assert one.mean() == pytest.approx(expected, abs=1e-6)
    assert one.to_dict()["mean"] == one.mean()
    assert np.isnan(LogLoss().mean())
    assert LogLoss().to_dict()["mean"] is None
