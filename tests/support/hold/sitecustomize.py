"""Python loads this at its start if PYTHONPATH names the folder: a training run that waits at a step.

At the step HOLD_STEP it makes the file HOLD_FILE.RANK, and goes on when there is a file HOLD_FILE.go.
So a test can act at a certain step, however fast the machine is.
"""

import os
import time
from pathlib import Path


def hold(step: int, file: str) -> None:
    from pixelwise.training.learner import Learner

    original = Learner.step

    def held(self: Learner, number: int, parts: object) -> float:
        if number == step:
            Path(f"{file}.{os.environ.get('RANK', '0')}").touch()
            while not Path(f"{file}.go").exists():
                time.sleep(0.005)
        return original(self, number, parts)  # type: ignore[arg-type]

    Learner.step = held  # type: ignore[method-assign, assignment]


if "HOLD_STEP" in os.environ:
    hold(int(os.environ["HOLD_STEP"]), os.environ["HOLD_FILE"])
