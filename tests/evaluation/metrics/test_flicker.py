"""Flicker, counted by hand."""

import math

import numpy as np
import pytest

from pixelwise.evaluation.metrics.flicker import flicker


def test_only_still_pixels_with_labels_in_both_frames_count() -> None:
    frames = np.full((3, 1, 4, 3), 100, np.uint8)
    frames[1:, 0, 0] = 108  # changes once, by 8 grey levels, and is still afterwards
    labels = np.array([[[1, 1, 1, 255]], [[2, 2, 1, 2]], [[2, 2, 1, 1]]], np.uint8)
    # pair 1: pixels 1 and 2, of which 1 changes; pair 2: pixels 0 to 3, of which 3 changes
    assert flicker(frames, labels) == pytest.approx((1 + 1) / (2 + 4))


def test_a_clip_in_which_all_moves_has_no_flicker_to_speak_of() -> None:
    frames = np.array([0, 200], np.uint8)[:, None, None, None].repeat(3, 3)
    assert math.isnan(flicker(frames, np.zeros((2, 1, 1), np.uint8)))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="labels \\(T, H, W\\)"):
        flicker(np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 4, 5), np.uint8))
