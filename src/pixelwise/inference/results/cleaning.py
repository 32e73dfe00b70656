"""Clean a label map: keep some classes, keep the largest region, fill holes, remove small regions."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pixelwise import _core
from pixelwise.core.classes import Classes
from pixelwise.core.errors import ArgumentError
from pixelwise.core.terminal import printable
from pixelwise.core.types import Labels, is_number, is_truth_value


@dataclass(frozen=True)
class Cleaning:
    """What is done to the labels of a picture, in this order. A region is 4-connected pixels of one class.

    only: names of the classes to keep; pixels of others become background. largest: only the largest region
    that is not background stays. fill_holes: background that lies inside one class gets that class, for
    example the gap between an arm and the body. min_region: regions smaller than this share of the picture
    (0 to 1) get the class with which they share the longest border; the largest region that is not
    background stays if it has a tenth of that share. Raises ValueError for a text in place of `only`, and for
    values of another type.
    """

    only: tuple[str, ...] = ()
    largest: bool = False
    fill_holes: bool = False
    min_region: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.only, str) or not isinstance(self.only, Iterable):
            raise ArgumentError(
                "only", f'expected a list of class names, such as ("cat",), got {self.only!r}'
            )
        object.__setattr__(self, "only", tuple(self.only))
        if wrong := [name for name in self.only if not isinstance(name, str)]:
            raise ArgumentError("only", f"class names are texts, got {wrong[0]!r}")
        for name in ("largest", "fill_holes"):
            if not is_truth_value(value := getattr(self, name)):
                raise ArgumentError(name, f"{name} is True or False, got {value!r}")
        if not is_number(self.min_region) or not 0 <= self.min_region <= 1:
            raise ArgumentError(
                "min_region", f"expected min_region as a share from 0 to 1, got {self.min_region!r}"
            )

    def __bool__(self) -> bool:
        return self != AS_IS

    def __str__(self) -> str:
        """What is done, short and complete: it tells results apart."""
        parts = ["only " + ",".join(self.only)] if self.only else []
        parts += ["largest"] if self.largest else []
        parts += ["holes filled"] if self.fill_holes else []
        parts += [f"no region below {100 * self.min_region:.15g}% of the picture"] if self.min_region else []
        return "; ".join(parts)

    def joined(self, other: "Cleaning") -> "Cleaning":
        """Both at once: classes that both keep, and the larger share. ValueError if no class is left."""
        only = tuple(name for name in self.only if name in other.only or not other.only)
        if self.only and other.only and not only:
            raise ValueError(
                f"no class is left: an earlier cleaning kept only {', '.join(map(printable, self.only))}, "
                f"this one keeps only {', '.join(map(printable, other.only))}; clean the original result"
            )
        return Cleaning(
            only or other.only,
            self.largest or other.largest,
            self.fill_holes or other.fill_holes,
            max(self.min_region, other.min_region),
        )

    def check(self, classes: Classes) -> None:
        """Raise ValueError if these classes do not allow it."""
        if unknown := [name for name in self.only if name not in classes.names]:
            raise ValueError(
                f"no class is called {', '.join(map(printable, unknown))}; "
                f"the model's classes are {', '.join(map(printable, classes.names))}"
            )
        if classes.background is None and (self.only or self.largest or self.fill_holes):
            raise ValueError(
                "choosing classes, the largest region and filling holes need a background class, "
                "and this model has none"
            )

    def clean(self, labels: Labels, classes: Classes) -> Labels:
        """(H, W) the cleaned labels; `labels` stay as they are. ValueError as `check` raises it."""
        self.check(classes)
        cleaned = np.array(labels, np.uint8, order="C")
        background = classes.background
        if background is not None:
            if self.only:
                cleaned = _kept(cleaned, [classes.names.index(name) for name in self.only], background)
            if self.largest:
                _core.keep_largest_region(cleaned, background)
            if self.fill_holes:
                _core.fill_holes(cleaned, background)
        if self.min_region:
            _core.remove_small_regions(cleaned, _fewest_pixels(self.min_region, cleaned.size), background)
        return cleaned


def expect_cleaning(cleaning: object) -> None:
    """Raise ValueError for another type."""
    if not isinstance(cleaning, Cleaning):
        raise ArgumentError("cleaning", f"expected cleaning as Cleaning(largest=True), got {cleaning!r}")


def share_of(given: str | float) -> float:
    """The share of the picture that people write as 0.1% or 0.001. ValueError if it is not from 0 to 1."""
    number = str(given).strip()
    try:
        share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"expected a share of the picture such as 0.1% or 0.001, got {printable(given)}")
    return share


AS_IS = Cleaning()
"""Labels stay as the model gives them."""

_CUTOUT_CLEANING = Cleaning(min_region=0.01)


def cleaned_for_cutout(labels: Labels, classes: Classes) -> Labels:
    """(H, W) the labels without regions below 1 % of the picture.

    Background that reaches the picture's border stays even if it is smaller, such as the gap between two
    legs. Enclosed specks of it are filled.
    """
    cleaned = _CUTOUT_CLEANING.clean(labels, classes)
    if classes.background is not None:
        filled = (labels != classes.background).astype(np.uint8)
        _core.fill_holes(filled, 0)
        cleaned[filled == 0] = classes.background
    return cleaned


def _fewest_pixels(share: float, size: int) -> int:
    """Pixels that are at least this share of `size`: 7 for 0.07 of 100, though 0.07 * 100 is above 7."""
    return math.ceil(share * size * (1 - 1e-12))


def _kept(labels: Labels, ids: Sequence[int], background: int) -> Labels:
    table = np.full(256, background, np.uint8)
    table[list(ids)] = ids
    return table[labels]
