"""Test-time augmentation: score a picture at several scales and mirrored, and average the probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixelwise.core.errors import ArgumentError
from pixelwise.core.types import RGBImage, Scores, is_number, is_truth_value
from pixelwise.inference.engines.engine import Engine
from pixelwise.inference.probabilities import Beliefs, probabilities_of, scores_of
from pixelwise.inference.results.drawing import resized


@dataclass(frozen=True)
class Views:
    """`scales` multiply the size at which a picture is scored; with `flip` each is also scored mirrored.

    Raises ValueError unless the scales are different numbers from 0.1 to 4.
    """

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False

    def __post_init__(self) -> None:
        if (
            not isinstance(self.scales, Sequence | np.ndarray)
            or isinstance(self.scales, str)
            or not len(self.scales)
        ):
            raise ArgumentError("scales", f"expected a tuple of at least one scale, got {self.scales!r}")
        wrong = [scale for scale in self.scales if not _is_scale(scale)]
        if wrong:
            raise ArgumentError("scales", f"a scale lies between 0.1 and 4, got {wrong[0]!r}")
        object.__setattr__(self, "scales", tuple(map(float, self.scales)))
        if not is_truth_value(self.flip):
            raise ArgumentError("flip", f"flip is True or False, got {self.flip!r}")
        object.__setattr__(self, "flip", bool(self.flip))
        if len(set(self.scales)) < len(self.scales):
            raise ArgumentError(
                "scales", f"scales must differ, got {', '.join(f'{scale:g}' for scale in self.scales)}"
            )

    def __str__(self) -> str:
        """Short and complete: it tells results apart."""
        named = ", ".join(f"{scale:.15g}" for scale in self.scales)
        text = f"scales {named}" if len(self.scales) > 1 else f"scale {named}"
        text = "single scale" if self.scales == (1.0,) else text
        several = self.flip or len(self.scales) > 1
        return f"{text}{' and mirrored' * self.flip}{', probabilities averaged' * several}"


def _is_scale(value: object) -> bool:
    return is_number(value) and 0.1 <= value <= 4


SINGLE = Views()
"""One pass over the picture, at scale 1 and not mirrored."""


def averaged_scores(engine: Engine, pixels: RGBImage, size: tuple[int, int], views: Views) -> Scores:
    """Scores (C, h, w) on the grid `size` whose softmax is the mean of the probabilities of all views.

    `pixels` (H, W, 3) is the picture, at the size of the largest view or larger.
    """
    total: Beliefs | float = 0.0
    for scale in views.scales:
        seen = sized(pixels, (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))))
        total = total + _probabilities(engine, seen, size)
        if views.flip:
            total += _probabilities(engine, np.ascontiguousarray(seen[:, ::-1]), size)[:, :, ::-1]
    mean = np.asarray(total, np.float32) / np.float32(len(views.scales) * (1 + views.flip))
    return scores_of(mean)


def sized(pixels: RGBImage, size: tuple[int, int]) -> RGBImage:
    """`pixels` (H, W, 3) in the (height, width) `size`."""
    return pixels if pixels.shape[:2] == size else resized(pixels, size)


def _probabilities(engine: Engine, image: RGBImage, size: tuple[int, int]) -> Beliefs:
    return probabilities_of(engine.scores(image), size)
