"""By how much the scores of an exported file differ from those of the net it was made from."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pixelwise.core.errors import ModelError
from pixelwise.core.pictures.bands import BandForm
from pixelwise.core.types import Channel, Scores

CHECKED_SIZES = ((1, 1), (7, 300), (33, 32), (97, 131), (240, 321))
MOST = 0.02
"""The largest deviation of a file in float32."""

Score = Callable[[Channel], Scores]


def noise(channels: int, bands: BandForm | None = None, net: Any = None) -> Iterator[Channel]:
    """A picture (H, W, channels) of each of CHECKED_SIZES, always the same: uint8, or float32 for bands.

    Bands have the mean and about the deviation of those that `net` learnt from, or, without a net, all values
    of their type.
    """
    random = np.random.default_rng(0)
    for height, width in CHECKED_SIZES:
        size = (height, width, channels)
        if bands is None:
            yield random.integers(0, 256, size, np.uint8)
        elif net is None:
            yield random.random(size, np.float32) * np.float32(bands.highest)
        else:
            mean, std = (getattr(net, name).flatten().numpy() for name in ("mean", "std"))
            likely: Channel = mean + std * random.standard_normal(size, np.float32)
            yield likely


def deviation(expected: Score, found: Score, pictures: Iterator[Channel]) -> float:
    """The largest difference of scores over all pictures, relative to the deviation of the expected ones.

    Raises ModelError if sizes differ, or scores are NaN or infinite.
    """
    worst = 0.0
    for picture in pictures:
        size = f"{picture.shape[0]} x {picture.shape[1]}"
        before, after = expected(picture), found(picture)
        if after.shape != before.shape:
            raise ModelError(f"the exported graph gives {after.shape} for an image of {size}")
        if not np.isfinite(before).all():
            raise ModelError(
                f"the net gives NaN or infinite scores for an image of {size}",
                "its weights are finite, but too large: train it with a lower learning rate",
            )
        if not np.isfinite(after).all():
            raise ModelError(
                f"the exported graph gives NaN or infinite scores for an image of {size}",
                "its numbers are too large for this precision: export it in float32",
            )
        worst = max(worst, float(np.abs(after - before).max() / (before.std() + 1e-6)))
    return worst


def expect_small(found: float) -> None:
    """Raise ModelError if a file in float32 differs from its net."""
    if not found <= MOST:
        raise ModelError(
            f"the exported graph differs from the net: scores deviate by {found:.2g} of their spread"
        )
