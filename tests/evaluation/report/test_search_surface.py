"""The picture of a search."""

import numpy as np
import pytest

from pixelwise.crf.parameter_search import Point, Trial
from pixelwise.evaluation.report.search_surface import _CELL, _FAINT, _LEFT, _SCALE, _TOP, draw_surface

TRIALS = [
    Trial(Point(5, 50, 3), 0.8),
    Trial(Point(5, 75, 3), 0.9),
    Trial(Point(5, 50, 10), 0.85),
    Trial(Point(7, 100, 20), 0.99),
]


def test_cells_have_the_colour_of_their_score_and_what_was_not_tried_is_grey() -> None:
    picture = draw_surface(TRIALS, 5, without=0.7)
    corners = {(50, 10): (0, 0), (75, 10): (1, 0), (50, 3): (0, 1), (75, 3): (1, 1)}
    found = {
        point: picture.getpixel((_LEFT + column * _CELL + 6, _TOP + row * _CELL + 6))
        for point, (column, row) in corners.items()
    }
    assert found == {(50, 3): _SCALE[0], (50, 10): _SCALE[2], (75, 3): _SCALE[4], (75, 10): _FAINT}


def test_a_single_trial_is_a_picture_too() -> None:
    picture = draw_surface(TRIALS[:1], 5, without=0.7)
    assert picture.getpixel((_LEFT + 6, _TOP + 6)) == _SCALE[4]


def test_brightness_rises_with_the_score() -> None:
    brightness = [float(np.dot(color, (0.299, 0.587, 0.114))) for color in _SCALE]
    assert brightness == sorted(brightness)


def test_a_weight_that_was_not_tried_is_refused() -> None:
    with pytest.raises(ValueError, match="no trial has w1 6"):
        draw_surface(TRIALS, 6, without=0.7)
