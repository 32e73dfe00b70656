"""Palettes of label pictures whose colours contradict the pixels' values.

The ids are the values. Programs that optimise a PNG, or save colours or greys with a palette, give the
colours new values, often other ones in each file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pixelwise.core.terminal import counted
from pixelwise.core.types import VOID
from pixelwise.data.checks.sample_check import Finding
from pixelwise.data.class_map import ClassMap

_HINT = "if a program renumbered the colours, save the labels again as grey PNG of ids"


@dataclass
class PaletteReview:
    """The colours of the ids in all files of a head. `seen[id]`: the first colour, and its sample."""

    class_map: ClassMap
    seen: dict[int, tuple[int, int]] = field(default_factory=dict)
    contrary: list[tuple[int, int, int]] = field(default_factory=list)
    greys: list[int] = field(default_factory=list)

    def add(self, index: int, colours: Mapping[int, int]) -> None:
        """Compare the colours of the ids in sample `index` with those of others."""
        for id_, colour in colours.items():
            if self.seen.setdefault(id_, (colour, index))[0] != colour:
                self.contrary.append((index, id_, colour))
                break
        if greys_are_other_ids(colours, self.class_map):
            self.greys.append(index)

    def findings(self, names: list[str]) -> list[Finding]:
        """The warning, if there is one, for samples with these names."""
        if self.contrary:
            index, id_, colour = self.contrary[0]
            first, other = self.seen[id_]
            message = (
                f"palettes differ in {counted(len(self.contrary), 'label file')}: {id_} is #{first:06x} in "
                f"{names[other]}, but #{colour:06x} in {names[index]}; ids are the values, not the colours"
            )
            return [Finding("palette", message, (other, *(place for place, *_ in self.contrary)), _HINT)]
        if self.greys:
            message = (
                f"the palette's greys are known ids, but not those of their pixels, in "
                f"{counted(len(self.greys), 'label file')}, such as {names[self.greys[0]]}; ids are the "
                "values, not the greys"
            )
            return [Finding("palette", message, tuple(self.greys), _HINT)]
        return []


def greys_are_other_ids(colours: Mapping[int, int], class_map: ClassMap) -> bool:
    """Whether all colours are greys that are known ids, but not those that have these colours. Masks that are
    shown in black and white are right.
    """
    ids = sorted(colours)
    greys = [colours[id_] & 0xFF for id_ in ids]
    if greys in (ids, [0, VOID]) or not all(grey in class_map.table for grey in greys):
        return False
    return bool(ids) and all(colours[id_] == 0x010101 * grey for id_, grey in zip(ids, greys, strict=True))
