"""From the ids in label files to the classes one trains on: keep, merge, or send to void."""

from dataclasses import dataclass, field

import numpy as np

from pixelwise.errors import DataError
from pixelwise.labels import RGB, Classes, voc_palette
from pixelwise.types import VOID, Labels

UNKNOWN = -1


@dataclass(frozen=True)
class ClassMap:
    """`table[id in the file]` is the class id, VOID, or UNKNOWN for an id that should not occur."""

    classes: Classes
    table: tuple[int, ...]
    _dense: Labels = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.table) != 256:
            raise ValueError(f"a class map has one entry per uint8 id, 256; got {len(self.table)}")
        dense = np.array([VOID if entry == UNKNOWN else entry for entry in self.table], np.uint8)
        object.__setattr__(self, "_dense", dense)

    @classmethod
    def identity(cls, classes: Classes, void: tuple[int, ...] = (VOID,)) -> "ClassMap":
        """Ids 0 to C-1 are the classes, those of `void` carry no label, all others should not occur."""
        table = [UNKNOWN] * 256
        table[: len(classes)] = range(len(classes))
        for id_ in void:
            table[id_] = VOID
        return cls(classes, tuple(table))

    def unknown(self, ids: "np.ndarray[tuple[int], np.dtype[np.intp]] | list[int]") -> list[int]:
        """Those of the ids that should not occur."""
        return [int(id_) for id_ in ids if self.table[int(id_)] == UNKNOWN]

    def apply(self, labels: Labels) -> Labels:
        """Class ids of file ids; unknown ids become VOID (see `unknown` for finding them)."""
        return self._dense[labels]

    def select(self, text: str) -> "ClassMap":
        """The map for a wish such as "background,person,animal=cat+dog": see `parse_classes`."""
        wished, void = parse_classes(text, self.classes)
        target = {source: new for new, (_, sources) in enumerate(wished) for source in sources}
        table = [entry if entry in (UNKNOWN, VOID) else target.get(entry, VOID) for entry in self.table]
        for id_ in void:
            table[id_] = VOID
        palette: list[RGB] = [self.classes.palette[sources[0]] for _, sources in wished]
        if len(set(palette)) < len(palette):
            palette = list(voc_palette(len(wished)))
        return ClassMap(Classes.named([name for name, _ in wished], tuple(palette)), tuple(table))


def parse_classes(text: str, known: Classes) -> tuple[list[tuple[str, tuple[int, ...]]], tuple[int, ...]]:
    """New classes in order, each with the ids it is made of, and the ids that carry no label.

    `text` names classes as NAME or NAME=PART+PART, separated by commas; a part is a name or an id of `known`.
    What no class is made of becomes void; void=ID+ID does so for ids beyond the known ones, too.
    """
    wished: list[tuple[str, tuple[int, ...]]] = []
    void: tuple[int, ...] = ()
    faults: list[str] = []
    used: dict[int, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, parts = (side.strip() for side in item.partition("="))
        ids = []
        for part in filter(None, (part.strip() for part in (parts or name).split("+"))):
            if part in known.names:
                id_ = known.names.index(part)
            elif part.isdecimal() and int(part) < (256 if name == "void" else len(known)):
                id_ = int(part)
            else:
                faults.append(f'there is no class "{part}"')
                continue
            if id_ in used:
                faults.append(f'id {id_} stands in both "{used[id_]}" and "{name}"')
            used[id_] = name
            ids.append(id_)
        if name == "void":
            void = (*void, *ids)
        elif not name or name in (other for other, _ in wished):
            faults.append(f'"{item}" needs a name of its own')
        else:
            wished.append((name if parts or not ids else known.names[ids[0]], tuple(ids)))
    if not wished:
        faults.append("no class is named")
    if faults:
        raise DataError(
            f'cannot read the classes "{text}": {"; ".join(faults)}',
            f"write NAME or NAME=PART+PART, separated by commas; known: {', '.join(known.names)}",
        )
    return wished, void
