"""The coarse-to-fine search, on functions whose maximum is known."""

import math
from collections.abc import Callable

import pytest

from pixelwise.crf.parameter_search import GRIDS, Point, Ranges, Trial, best, coarse, fine, plane, search


def hill(top: Point, calls: list[Point] | None = None) -> Callable[[Point], float]:
    """A function whose one maximum, 1, is at `top`; it notes what it is asked."""

    def score(point: Point) -> float:
        if calls is not None:
            calls.append(point)
        widths = (5, 50, 7)
        return math.exp(-sum(((a - b) / width) ** 2 for a, b, width in zip(point, top, widths, strict=True)))

    return score


def test_the_coarse_round_is_the_paper_s_box_in_three_steps() -> None:
    points = coarse(Ranges())
    assert len(points) == 27
    assert {point.w1 for point in points} == {5, 7.5, 10}
    assert {point.theta_alpha for point in points} == {50, 75, 100}
    assert {point.theta_beta for point in points} == {3, 6.5, 10}


def test_the_papers_grid_has_its_steps_and_the_later_rounds_halve_them() -> None:
    """w1 5:10, sigma_alpha 50:10:100 and sigma_beta 3:1:10 of section 5."""
    points = coarse(GRIDS["paper"])
    assert len(points) == 6 * 6 * 8
    assert [points[0], points[-1]] == [Point(5, 50, 3), Point(10, 100, 10)]
    assert {point.theta_alpha for point in points} == {50, 60, 70, 80, 90, 100}
    assert {point.theta_beta for point in fine(Point(5, 60, 4), GRIDS["paper"], 1)} == {3.5, 4, 4.5}
    trials = search(hill(Point(7, 75, 4.25)), GRIDS["paper"])
    assert best(trials).point == Point(7, 75, 4.25)
    assert len(trials) <= GRIDS["paper"].most_trials() == 288 + 2 * 26 + 36


def test_steps_may_be_given_and_must_fit() -> None:
    ranges = Ranges(w1=(1, 2, 0.4))
    assert [*dict.fromkeys(point.w1 for point in coarse(ranges))] == [1, 1.4, 1.8]
    assert {point.w1 for point in coarse(Ranges(w1=(1, 2, 1)))} == {1, 2}
    for step in (0, -1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="w1 needs a step from 0 to high - low"):
            Ranges(w1=(1, 2, step))
    with pytest.raises(ValueError, match="about 9000000009 points; use larger steps"):
        Ranges(w1=(1, 2, 1e-9))


def test_later_rounds_halve_the_steps_around_the_best_and_stay_above_zero() -> None:
    points = fine(Point(5, 75, 3), Ranges(), 1)
    assert {point.w1 for point in points} == {3.75, 5, 6.25}
    assert {point.theta_alpha for point in points} == {62.5, 75, 87.5}
    assert {point.theta_beta for point in points} == {1.25, 3, 4.75}
    assert {point.theta_beta for point in fine(Point(5, 75, 0.5), Ranges(), 2)} == {0.5, 1.375}


@pytest.mark.parametrize("top", [Point(6.875, 81.25, 5.625), Point(3.125, 50, 10), Point(11.875, 118.75, 3)])
def test_a_maximum_in_reach_is_found_even_beyond_the_ranges(top: Point) -> None:
    calls: list[Point] = []
    trials = search(hill(top, calls))
    assert best(trials) == Trial(top, 1)
    assert len(calls) == len(set(calls)) == len(trials) <= Ranges().most_trials() == 27 + 2 * 26 + 36
    assert [trial.point for trial in trials] == calls


def test_the_last_stage_covers_the_plane_of_the_best_weight() -> None:
    top = Point(6.25, 62.5, 4)
    points = {trial.point for trial in search(hill(top))}
    wanted = plane(Point(6.25, 62.5, 3.875), Ranges())
    assert len(wanted) == 5 * 6  # 62.5 is one of the five
    assert set(wanted) <= points


@pytest.mark.parametrize("after", [0, 1, 26, 27, 60])
def test_a_search_that_stopped_goes_on_to_the_same_end(after: int) -> None:
    score = hill(Point(4, 70, 4))
    whole = search(score)
    known: dict[Point, float] = {}

    def recorded(point: Point) -> float:
        if len(known) == after:
            raise KeyboardInterrupt
        known[point] = score(point)
        return known[point]

    with pytest.raises(KeyboardInterrupt):
        search(recorded)
    assert len(known) == after
    rest: list[Point] = []
    assert search(hill(Point(4, 70, 4), rest), known=known) == whole
    assert len(rest) == len(whole) - after


def test_known_points_of_other_ranges_do_not_change_the_way() -> None:
    score = hill(Point(4, 70, 4))
    far = {Point(1, 1, 1): 100.0}
    assert search(score, known=far) == search(score)


def test_everybody_is_told_of_each_trial() -> None:
    told: list[int] = []
    trials = search(hill(Point(7, 70, 7)), tell=lambda so_far: told.append(len(so_far)))
    assert told == list(range(1, len(trials) + 1))


def test_ranges_are_checked() -> None:
    assert {point.w1 for point in coarse(Ranges(w1=(1, 2)))} == {1, 1.5, 2}
    with pytest.raises(ValueError, match="theta_beta needs two numbers 0 < low < high, got 5 and 5"):
        Ranges(theta_beta=(5, 5))
    with pytest.raises(ValueError, match="w1 needs"):
        Ranges(w1=(float("nan"), 1))


def test_a_search_stays_within_the_limits_of_a_preset() -> None:
    with pytest.raises(ValueError, match=r"theta_beta must be a width from 0\.01 to 1e\+06, got 0\.001"):
        Ranges(theta_beta=(0.001, 0.01))
    with pytest.raises(ValueError, match=r"w1 must be a weight from 0 to 1e\+06, got 10000000"):
        Ranges(w1=(1, 1e7))
    trials = search(hill(Point(5, 5e5, 0)), Ranges(theta_alpha=(5e5, 1e6), theta_beta=(0.01, 0.02)))
    assert best(trials).point == (5, 5e5, 0.01)
    assert max(trial.point.theta_alpha for trial in trials) <= 1e6


def test_a_point_becomes_a_preset_with_deeplab_s_fixed_values() -> None:
    preset = Point(4, 67, 3).preset("mine", "found")
    assert (preset.w1, preset.theta_alpha, preset.theta_beta) == (4, 67, 3)
    assert (preset.w2, preset.theta_gamma, preset.iterations, preset.normalization) == (3, 3, 10, "after")
