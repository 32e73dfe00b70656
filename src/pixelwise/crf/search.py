"""DeepLab's search for the CRF's parameters: coarse to fine over w1, theta_alpha and theta_beta.

Source: Chen et al. 2015 (DeepLab v1), section 5.2: w2 = theta_gamma = 3 and 10 iterations stay fixed, the
first round covers w1 in [5, 10], sigma_alpha in [50, 100] and sigma_beta in [3, 10], later ones have smaller
steps around the best. Ours has 3 values of each in a round, halves the steps twice, and follows a best value
that lies at an edge beyond it; a last stage covers the plane of the best w1, for the picture of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from pixelwise.crf.presets import Preset

ROUNDS = 2
"""How often the steps are halved."""

MOST_TRIALS = 27 + ROUNDS * 26 + 6 * 6
"""No search has more."""


class Point(NamedTuple):
    """What is searched over, as in Preset."""

    w1: float
    theta_alpha: float
    theta_beta: float

    def preset(self, name: str, source: str) -> Preset:
        """The preset with these values, all others DeepLab's."""
        return Preset(name, source, *self, w2=3.0, theta_gamma=3.0, iterations=10, normalization="after")


class Trial(NamedTuple):
    """A point and its score; larger is better."""

    point: Point
    score: float


@dataclass(frozen=True)
class Ranges:
    """Where the coarse round looks: (low, high) of each parameter. ValueError unless 0 < low < high."""

    w1: tuple[float, float] = (5.0, 10.0)
    theta_alpha: tuple[float, float] = (50.0, 100.0)
    theta_beta: tuple[float, float] = (3.0, 10.0)

    def __post_init__(self) -> None:
        for name, (low, high) in vars(self).items():
            if not 0 < low < high < float("inf"):
                raise ValueError(f"{name} needs two numbers 0 < low < high, got {low:g} and {high:g}")

    def values(self, axis: str, count: int) -> list[float]:
        """So many values from low to high in equal steps."""
        low, high = getattr(self, axis)
        return [_tidy(low + (high - low) * step / (count - 1)) for step in range(count)]


def search(
    score: Callable[[Point], float],
    ranges: Ranges | None = None,
    known: Mapping[Point, float] | None = None,
    tell: Callable[[list[Trial]], object] | None = None,
) -> list[Trial]:
    """All trials in the order in which they were made; `best` finds the winner.

    Points in `known` (of an earlier run, whatever its ranges) are not scored again, and the result is the
    same as if they were. `tell` gets the trials so far after each one.
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
    """The trial of the highest score, the first of several."""
    return max(trials, key=lambda trial: trial.score)


def coarse(ranges: Ranges) -> list[Point]:
    """Ends and middle of each range."""
    return [Point(*values) for values in product(*(ranges.values(axis, 3) for axis in Point._fields))]


def fine(centre: Point, ranges: Ranges, number: int) -> list[Point]:
    """The neighbours of `centre` at the coarse round's steps halved `number` times; all above zero."""
    steps = [(ranges.values(axis, 3)[1] - ranges.values(axis, 3)[0]) / 2**number for axis in Point._fields]
    values = [
        [_tidy(value + sign * step) for sign in (-1, 0, 1)] for value, step in zip(centre, steps, strict=True)
    ]
    return [Point(*point) for point in product(*values) if min(point) > 0]


def plane(centre: Point, ranges: Ranges) -> list[Point]:
    """The points of the centre's w1: 5 values of each range, and the centre's own."""
    alphas = sorted({*ranges.values("theta_alpha", 5), centre.theta_alpha})
    betas = sorted({*ranges.values("theta_beta", 5), centre.theta_beta})
    return [Point(centre.w1, alpha, beta) for alpha, beta in product(alphas, betas)]


def _tidy(value: float) -> float:
    """The same point has the same numbers, whatever way led to it."""
    return round(value, 6)
