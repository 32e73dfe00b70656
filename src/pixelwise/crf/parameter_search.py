"""DeepLab's search for the CRF's parameters: coarse to fine over w1, theta_alpha and theta_beta.

Source: Chen et al. 2015 (DeepLab v1), section 5: w2 = theta_gamma = 3 and 10 iterations stay fixed, the first
round covers w1 in 5:10, sigma_alpha in 50:10:100 and sigma_beta in 3:1:10 (GRIDS["paper"]), later ones have
smaller steps around the best point. GRIDS["quick"] has 3 values of each instead. The steps are halved twice.
If the best value lies at an edge, the search continues beyond it. A last round covers the plane of the best
w1, for the picture of the result.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from pixelwise.crf.presets import Preset

ROUNDS = 2
"""The number of times the steps are halved."""


MOST_COARSE = 100_000
"""The most points of a coarse round."""


class Point(NamedTuple):
    """The parameters of the search, as in Preset."""

    w1: float
    theta_alpha: float
    theta_beta: float

    def preset(self, name: str, source: str) -> Preset:
        """The preset with these values and DeepLab's for all others."""
        return Preset(name, source, *self, w2=3.0, theta_gamma=3.0, iterations=10, normalization="after")


class Trial(NamedTuple):
    """A point and its score; larger is better."""

    point: Point
    score: float


@dataclass(frozen=True)
class Ranges:
    """The ranges of the coarse round: for each parameter (low, high), which means these values and the
    middle, or (low, high, step). Raises ValueError unless 0 < low < high and 0 < step <= high - low, for
    numbers that no preset may have, and for more than `MOST_COARSE` points.
    """

    w1: tuple[float, ...] = (5.0, 10.0)
    theta_alpha: tuple[float, ...] = (50.0, 100.0)
    theta_beta: tuple[float, ...] = (3.0, 10.0)

    def __post_init__(self) -> None:
        for name, (low, high, *step) in vars(self).items():
            if not 0 < low < high < float("inf"):
                raise ValueError(f"{name} needs two numbers 0 < low < high, got {low:g} and {high:g}")
            if step and not 0 < step[0] <= high - low:
                raise ValueError(f"{name} needs a step from 0 to high - low, got {step[0]:g}")
        for end in (self.low, self.high):
            Point(*map(end, Point._fields)).preset("search", "search")  # which knows the limits
        points = math.prod((self.high(axis) - self.low(axis)) / self.step(axis) + 1 for axis in Point._fields)
        if points > MOST_COARSE:
            raise ValueError(f"the coarse round would have about {points:.0f} points; use larger steps")

    def low(self, axis: str) -> float:
        return float(getattr(self, axis)[0])

    def high(self, axis: str) -> float:
        return float(getattr(self, axis)[1])

    def step(self, axis: str) -> float:
        """The points of the coarse round."""
        low, high, *step = getattr(self, axis)
        return float(step[0]) if step else (high - low) / 2

    def coarse(self, axis: str) -> list[float]:
        """The values of a parameter in the coarse round, from low to high."""
        low, step = self.low(axis), self.step(axis)
        count = math.floor((self.high(axis) - low) / step + 1e-6) + 1
        return [_tidy(low + step * number) for number in range(count)]

    def spread(self, axis: str, count: int) -> list[float]:
        """`count` values from low to high in equal steps."""
        low, high = self.low(axis), self.high(axis)
        return [_tidy(low + (high - low) * number / (count - 1)) for number in range(count)]

    def most_trials(self) -> int:
        """The largest number of trials of a search with these ranges."""
        return len(coarse(self)) + ROUNDS * 26 + 6 * 6


GRIDS = {
    "quick": Ranges(),
    "paper": Ranges((5.0, 10.0, 1.0), (50.0, 100.0, 10.0), (3.0, 10.0, 1.0)),
}
"""The coarse round by name."""


def search(
    score: Callable[[Point], float],
    ranges: Ranges | None = None,
    known: Mapping[Point, float] | None = None,
    tell: Callable[[list[Trial]], object] | None = None,
) -> list[Trial]:
    """All trials, in order; `best` finds the best one.

    Points in `known` (from an earlier run with any ranges) are not scored again; the result is the same as if
    they were. `tell` is called with the trials so far after each one.
    """
    ranges = ranges or Ranges()
    trials: dict[Point, float] = {}

    def run(points: list[Point]) -> None:
        for point in points:
            if point not in trials:
                trials[point] = known[point] if known and point in known else score(point)
                if tell is not None:
                    tell(history())

    def history() -> list[Trial]:
        return [Trial(point, value) for point, value in trials.items()]

    run(coarse(ranges))
    for number in range(1, ROUNDS + 1):
        run(fine(best(history()).point, ranges, number))
    run(plane(best(history()).point, ranges))
    return history()


def best(trials: list[Trial]) -> Trial:
    """The trial with the highest score, or the first of several."""
    return max(trials, key=lambda trial: trial.score)


def coarse(ranges: Ranges) -> list[Point]:
    """All combinations of each range's values."""
    return [Point(*values) for values in product(*(ranges.coarse(axis) for axis in Point._fields))]


def fine(centre: Point, ranges: Ranges, number: int) -> list[Point]:
    """The neighbours of `centre` at the coarse round's steps halved `number` times; all above zero, and as a
    preset may have them."""
    steps = [ranges.step(axis) / 2**number for axis in Point._fields]
    values = [
        [_tidy(value + sign * step) for sign in (-1, 0, 1)] for value, step in zip(centre, steps, strict=True)
    ]
    return [point for point in map(Point._make, product(*values)) if min(point) > 0 and _is_possible(point)]


def plane(centre: Point, ranges: Ranges) -> list[Point]:
    """The points of the centre's w1: 5 values of each range, and the centre's own."""
    alphas = sorted({*ranges.spread("theta_alpha", 5), centre.theta_alpha})
    betas = sorted({*ranges.spread("theta_beta", 5), centre.theta_beta})
    return [Point(centre.w1, alpha, beta) for alpha, beta in product(alphas, betas)]


def _is_possible(point: Point) -> bool:
    try:
        point.preset("search", "search")
    except ValueError:
        return False
    return True


def _tidy(value: float) -> float:
    """Round, so that a point has the same numbers on every path of the search."""
    return round(value, 6)
