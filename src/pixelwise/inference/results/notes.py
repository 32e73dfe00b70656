"""What a user should know of a result: sizes that were changed, cleaning, the CRF, that nothing was found."""

from collections.abc import Sequence
from typing import Protocol

from pixelwise.core.classes import Classes
from pixelwise.inference.probabilities import NOTHING_FOUND, Area, nothing_found
from pixelwise.inference.results.cleaning import Cleaning
from pixelwise.inference.results.kind import Size, sides


class Noted(Protocol):
    """What notes tell of a Segmentation."""

    size: Size
    scored_size: Size
    classes: Classes
    cleaning: Cleaning
    is_refined: bool

    @property
    def grid_size(self) -> Size: ...
    def areas(self) -> list[Area]: ...


def notes_on(result: Noted, of_the_file: Sequence[str]) -> list[str]:
    """The notes on the file, and whether a reduced copy was scored or refined."""
    notes = list(of_the_file)
    if result.scored_size != result.size:
        changed = "enlarged" if max(result.scored_size) > max(result.size) else "reduced"
        notes.append(f"scored on a copy {changed} to {sides(result.scored_size)}")
    if result.cleaning:
        notes.append(f"cleaned: {result.cleaning}")
    if result.is_refined:
        copy = "" if result.grid_size == result.size else f" on a copy reduced to {sides(result.grid_size)}"
        notes.append(f"refined{copy}")
    if nothing_found(result.areas(), result.classes):
        notes.append(NOTHING_FOUND)
    return notes
