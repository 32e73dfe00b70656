"""Normalise pixels for a net: scale to a range, subtract a mean, divide by a standard deviation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Normalisation:
    """Pixels from 0 to 255 become (low + pixel / 255 * (high - low) - mean) / std.

    `mean` and `std` (red, green, blue) are in the units of `input_range`: torchvision's nets take
    mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225) and the range (0, 1).
    """

    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    input_range: tuple[float, ...] = (0.0, 1.0)

    def __post_init__(self) -> None:
        for name, values, length in (
            ("mean", self.mean, 3),
            ("std", self.std, 3),
            ("input_range", self.input_range, 2),
        ):
            if len(values) != length or not all(math.isfinite(value) for value in values):
                raise ValueError(f"{name} is {length} numbers, got {', '.join(map(str, values))}")
        if min(self.std) <= 0:
            raise ValueError(f"std is three numbers above 0, got {', '.join(map(str, self.std))}")
        if self.input_range[0] >= self.input_range[1]:
            raise ValueError(f"input_range is (low, high), got {self.input_range}")

    @classmethod
    def of(
        cls, mean: Sequence[float] | None, std: Sequence[float] | None, input_range: Sequence[float] | None
    ) -> "Normalisation":
        """The normalisation, with defaults for values that are None."""
        given = {"mean": mean, "std": std, "input_range": input_range}
        return cls(
            **{name: tuple(map(float, values)) for name, values in given.items() if values is not None}
        )

    def factor_and_offset(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """(3,) scale and offset: the net takes pixels * scale + offset."""
        low, high = self.input_range
        mean, std = np.array(self.mean), np.array(self.std)
        return ((high - low) / 255 / std).astype(np.float32), ((low - mean) / std).astype(np.float32)

    def record(self) -> dict[str, list[float]]:
        """The record for a model file."""
        return {"mean": list(self.mean), "std": list(self.std), "input_range": list(self.input_range)}
