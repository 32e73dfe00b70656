"""Learning rate search, as in Long et al. 2015, section 4.3.

It runs the same few steps at each of several learning rates. The rate with the lowest loss is best.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite

import numpy as np
import torch

from pixelwise.core.errors import TrainingError
from pixelwise.data import LabelledImages
from pixelwise.training.distributed import processes
from pixelwise.training.learner import Learner, NotFiniteError
from pixelwise.training.recipe import Recipe
from pixelwise.training.sampling.batches import steps_of
from pixelwise.training.setup.band_statistics import BandStatistics
from pixelwise.training.setup.run_start import channels_of, class_weights, seen, settled, statistics_of

STEPS = 30
COARSE, FINE = (0.01, 0.1, 1.0, 10.0, 100.0), (1 / 3, 3.0)
"""Factors of the recipe's learning rates, and then of the best of these."""


@dataclass(frozen=True)
class Trial:
    """Both learning rates and the mean loss of the last third of the steps; infinite if the loss was NaN."""

    learning_rate: float
    head_learning_rate: float
    loss: float

    def settings(self) -> list[str]:
        """The settings for --set."""
        return [f"{name}={getattr(self, name):.3g}" for name in ("learning_rate", "head_learning_rate")]


def find_rate(recipe: Recipe, train_set: LabelledImages, steps: int = STEPS) -> Iterator[Trial]:
    """Try the recipe's learning rates times each factor, at constant rates, from the same initial weights and
    on the same samples. Nothing is written. Raises TrainingError if there are several processes.
    """
    if processes.count() > 1:
        raise TrainingError(
            "the learning rate search runs in one process", "use accumulate=N for equally large batches"
        )
    recipe = dataclasses.replace(settled(recipe), steps=steps, warmup_steps=0, schedule="fixed", ema=0.0)
    train_set = seen(train_set, recipe)
    weights, channels = class_weights(recipe, train_set), channels_of(train_set, recipe)
    trial = partial(_trial, recipe, train_set, weights, channels, statistics_of(train_set, recipe))
    trials = []
    for factor in COARSE:
        trials.append(trial(factor))
        yield trials[-1]
    around = COARSE[trials.index(best(trials))]
    for factor in FINE:
        yield trial(around * factor)


def best(trials: Sequence[Trial]) -> Trial:
    """The one with the lowest loss. Raises TrainingError if no rate had a finite loss."""
    if not any(isfinite(trial.loss) for trial in trials):
        raise TrainingError(
            "no learning rate gave a finite loss, down to "
            f"{min(trial.learning_rate for trial in trials):.3g} and "
            f"{min(trial.head_learning_rate for trial in trials):.3g} (head)",
            "check the initial weights and the pictures; or set clip, or precision=float32",
        )
    return min(trials, key=lambda trial: trial.loss)


def _trial(
    recipe: Recipe,
    train_set: LabelledImages,
    weights: Mapping[str, torch.Tensor],
    channels: int,
    statistics: BandStatistics | None,
    factor: float,
) -> Trial:
    rates = recipe.learning_rate * factor, recipe.head_learning_rate * factor
    recipe = dataclasses.replace(recipe, learning_rate=rates[0], head_learning_rate=rates[1])
    losses = []
    with processes.connected(recipe) as fabric:
        learner = Learner(fabric, recipe, train_set.sizes, weights, channels, True, statistics)
        try:
            for step, parts in enumerate(steps_of(recipe, train_set)):
                losses.append(learner.step(step, parts))
        except NotFiniteError:
            losses.append(float("inf"))
    return Trial(*rates, float(np.mean(losses[-max(1, recipe.steps // 3) :])))
