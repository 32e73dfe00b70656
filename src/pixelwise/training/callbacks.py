"""The functions that a run calls at steps and evaluations, for experiment trackers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

OnStep = Callable[[int, float, float], None]
OnEvaluation = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Callbacks:
    """Functions that the first process of a run calls. If one raises, a checkpoint is saved before the run
    ends with that exception.

    on_step: called with the steps done, the loss of the last one and the backbone's learning rate.
    on_evaluation: called with the steps done and the figures, in [0, 1] but for losses, which are in nats.
    """

    on_step: OnStep | None = None
    on_evaluation: OnEvaluation | None = None
