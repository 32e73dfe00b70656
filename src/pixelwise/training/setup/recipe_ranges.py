"""The range of every number in a recipe. Outside it a run cannot work, or takes days or all memory."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pixelwise.training.setup.typed_fields import brief


class Range(NamedTuple):
    """From `low` to `high`; `above` and `below` exclude the ends. NaN is outside."""

    low: float
    high: float
    above: bool = False
    below: bool = False

    def holds(self, value: float) -> bool:
        """Whether the value is in the range."""
        over = value > self.low if self.above else value >= self.low
        return over and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        low, high = ("above" if self.above else "at least"), ("below" if self.below else "at most")
        return f"{low} {self.low:,} and {high} {self.high:,}"


_SHARE, _COUNT, _RATE = Range(0, 1), Range(1, 10_000_000), Range(0, 1_000_000)
_PIXELS = Range(1, 20_000)
RANGES: Mapping[str, Range] = {
    "context": Range(0, 4096),
    "rates": Range(1, 1024),
    "hidden": Range(0, 4096),
    "dropout": Range(0, 1, below=True),
    "freeze_stages": Range(0, 1000),
    "train_side": _PIXELS,
    "crop": Range(0, 4096),
    "scale": Range(0.01, 16),
    "jitter": Range(0, 20_000),
    "colour": _SHARE,
    "repeat_rare": _SHARE,
    "paste_rare": _SHARE,
    "batch_size": Range(1, 4096),
    "accumulate": Range(1, 100_000),
    "steps": _COUNT,
    "loss_sampling": Range(0.001, 1),
    "balance_classes": _SHARE,
    "learning_rate": _RATE,
    "head_learning_rate": _RATE,
    "momentum": Range(0, 1, below=True),
    "weight_decay": Range(0, 100),
    "clip": Range(0, 10**9),
    "warmup_steps": Range(0, 10_000_000),
    "power": Range(0, 10),
    "decay_every": _COUNT,
    "decay_factor": Range(0.001, 1),
    "ema": Range(0, 1, below=True),
    "long_side": _PIXELS,
    "evaluate_every": _COUNT,
    "patience": Range(0, 10_000_000),
    "checkpoint_minutes": Range(0, 1_000_000),
    "workers": Range(0, 256),
    "seed": Range(0, 2**63 - 1),
}
"""The range of each number in fields that hold several."""

MOST_PIXELS = 2**28
"""Pixels of all crops of one batch; a net needs some kilobytes per pixel."""


def beyond(values: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each field whose value, or one of whose values, lies outside its range."""
    for field, value in values.items():
        numbers = value if isinstance(value, tuple) else (value,)
        if field in RANGES and not all(n is None or RANGES[field].holds(n) for n in numbers):
            shown = ",".join(map(brief, numbers))
            yield f"{field} must be {RANGES[field]}, got {shown}"
