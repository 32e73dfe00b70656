"""Normalise pixels for a net: scale to a range, subtract a mean, divide by a standard deviation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import ArgumentError
from pixelwise.core.pictures.bands import BandForm
from pixelwise.core.types import is_whole


@dataclass(frozen=True)
class Normalisation:
    """Pixels from 0 to `highest` become (low + pixel / highest * (high - low) - mean) / std.

    `mean` and `std`, a number for each channel (red, green and blue, or bands), are in the units of
    `input_range`: torchvision's nets take mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225) and the range
    (0, 1).
    """

    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    input_range: tuple[float, ...] = (0.0, 1.0)
    highest: int = 255
    channels: int = 3

    def __post_init__(self) -> None:
        for name, values, length in (
            ("mean", self.mean, self.channels),
            ("std", self.std, self.channels),
            ("input_range", self.input_range, 2),
        ):
            if len(values) != length or not all(math.isfinite(value) for value in values):
                raise ArgumentError(name, f"{name} is {length} numbers, got {', '.join(map(str, values))}")
        if min(self.std) <= 0:
            raise ArgumentError(
                "std", f"std is {self.channels} numbers above 0, got {', '.join(map(str, self.std))}"
            )
        if self.input_range[0] >= self.input_range[1]:
            raise ArgumentError("input_range", f"input_range is (low, high), got {self.input_range}")

    @classmethod
    def of(
        cls,
        mean: Sequence[float] | None,
        std: Sequence[float] | None,
        input_range: Sequence[float] | None,
        bands: BandForm | None = None,
    ) -> "Normalisation":
        """The normalisation of photos or of bands, with defaults for values that are None."""
        form = bands or BandForm(3, "uint8")
        given = {"mean": mean, "std": std, "input_range": input_range}
        default = {"mean": (0.0,) * form.count, "std": (1.0,) * form.count}
        values = {
            name: tuple(np.asarray(entry, np.float64).ravel().tolist())
            for name, entry in given.items()
            if entry is not None
        }
        return cls(**{**default, **values}, highest=form.highest, channels=form.count)

    def factor_and_offset(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """(channels,) scale and offset: the net takes pixels * scale + offset."""
        low, high = self.input_range
        mean, std = np.array(self.mean), np.array(self.std)
        return ((high - low) / self.highest / std).astype(np.float32), ((low - mean) / std).astype(np.float32)

    def record(self) -> dict[str, list[float]]:
        """The record for a model file."""
        return {"mean": list(self.mean), "std": list(self.std), "input_range": list(self.input_range)}


def check_multiple(multiple: int) -> None:
    """Raise ValueError unless it is a whole number of pixels, at least 1."""
    if not is_whole(multiple) or multiple < 1:
        raise ArgumentError("multiple", f"multiple is a whole number of pixels, at least 1, got {multiple}")
