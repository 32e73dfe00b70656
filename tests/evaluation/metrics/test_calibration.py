"""Reliability bins and the expected calibration error."""

import numpy as np
import pytest

from pixelwise.core.types import VOID
from pixelwise.evaluation.metrics.calibration import BINS, Calibration


def calibration(truth: list[int], prediction: list[int], confidence: list[float]) -> Calibration:
    counted = Calibration()
    counted.add(
        np.array([truth], np.uint8), np.array([prediction], np.uint8), np.array([confidence], np.float32)
    )
    return counted


def test_the_error_is_the_gap_of_each_bin_weighted_by_pixels() -> None:
    # Three pixels at 0.75, two of them right; one at 0.5, wrong; one void.
    counted = calibration([0, 0, 1, 1, VOID], [0, 0, 0, 0, 0], [0.75, 0.75, 0.75, 0.5, 0.9])
    assert counted.error() == pytest.approx(3 / 4 * abs(2 / 3 - 0.75) + 1 / 4 * abs(0 - 0.5))
    low, high = counted.to_dict()["bins"]
    assert (low["pixels"], low["accuracy"], low["confidence"]) == (1, 0, 0.5)
    assert (high["pixels"], high["accuracy"], high["confidence"]) == (3, pytest.approx(2 / 3), 0.75)
    assert (low["from"], low["to"]) == (7 / 15, 8 / 15)
    assert (high["from"], high["to"]) == (11 / 15, 12 / 15)
    assert counted.to_dict()["ece"] == counted.error()


def test_confidences_of_0_and_1_fall_into_the_outer_bins() -> None:
    counted = calibration([0, 0], [0, 1], [1, 0])
    assert counted.pixels.tolist() == [1, *[0] * (BINS - 2), 1]
    assert counted.error() == 0
    rounded_up = float(np.nextafter(np.float32(1), np.float32(2)))
    assert calibration([0], [0], [rounded_up]).pixels.tolist() == [*[0] * (BINS - 1), 1]


def test_believable_confidence_has_hardly_any_error_and_boasting_has() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, (300, 400)).astype(np.float32)
    truth = (rng.random(sure.shape) > sure).astype(np.uint8)  # class 0 as often as it is said to be
    honest, boaster = Calibration(), Calibration()
    honest.add(truth, np.zeros_like(truth), sure)
    boaster.add(truth, np.zeros_like(truth), np.ones_like(sure))
    assert honest.error() < 0.01
    assert boaster.error() == pytest.approx(0.25, abs=0.01)


def test_parts_merge_and_nothing_gives_no_number() -> None:
    merged = calibration([0], [0], [0.75])
    merged.merge(calibration([1], [0], [0.75]))
    assert merged.error() == pytest.approx(0.25)
    nothing = calibration([VOID], [0], [0.75])
    assert np.isnan(nothing.error())
    assert nothing.to_dict()["ece"] is None


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"confidence \(2, 2\) must have one shape"):
        Calibration().add(
            np.zeros((1, 2), np.uint8), np.zeros((1, 2), np.uint8), np.zeros((2, 2), np.float32)
        )
