"""Map the ids in label files to classes: keep, merge or ignore them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import RGB, Classes, voc_palette
from pixelwise.core.errors import DataError
from pixelwise.core.terminal import few
from pixelwise.core.types import VOID, FileIds, Labels, is_whole

_MOST_COUNTED = 1 << 16  # ids, for a count of each
_AT_ONCE = 1 << 22  # pixels


@dataclass(frozen=True)
class ClassMap:
    """`table[id in the file]` is the class id or VOID; ids outside the table are invalid.

    `notation` says what the ids are: numbers, or colours as 0xRRGGBB.
    """

    classes: Classes
    table: Mapping[int, int]
    notation: Literal["ids", "colours"] = "ids"
    _bytes: Labels = field(init=False, repr=False, compare=False)
    _keys: npt.NDArray[np.int64] = field(init=False, repr=False, compare=False)
    _values: Labels = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.table or not all(map(is_whole, (*self.table, *self.table.values()))):
            raise ValueError("a class map is a table from ids in a file to class ids, all whole numbers")
        if wrong := sorted({v for v in self.table.values() if v != VOID and not 0 <= v < len(self.classes)}):
            raise ValueError(f"a class map leads to classes below {len(self.classes)} or void, got {wrong}")
        keys = np.array(sorted(self.table), np.int64)
        small = [self.table.get(id_, VOID) for id_ in range(256)]
        object.__setattr__(self, "_bytes", np.array(small, np.uint8))
        object.__setattr__(self, "_keys", keys)
        object.__setattr__(self, "_values", np.array([self.table[int(key)] for key in keys], np.uint8))

    @classmethod
    def identity(cls, classes: Classes, void: Collection[int] = (VOID,), first: int = 0) -> "ClassMap":
        """The classes have the ids `first`, `first` + 1, ...; those in `void` become VOID; others are
        invalid.
        """
        named = range(first, first + len(classes))
        if both := sorted(set(named) & set(void)):
            raise ValueError(f"the ids {both} cannot be classes and void at once")
        return cls(classes, {id_: id_ - first for id_ in named} | dict.fromkeys(void, VOID))

    @property
    def known(self) -> list[int]:
        """The valid ids."""
        return sorted(self.table)

    def unknown(self, ids: FileIds) -> list[int]:
        """The invalid ones among the ids."""
        return [id_ for id_ in id_counts(ids) if id_ not in self.table]

    def apply(self, ids: FileIds) -> Labels:
        """Class ids of file ids; unknown ids become VOID (see `unknown` for finding them)."""
        if ids.dtype == np.uint8:
            return self._bytes[ids]
        if ids.dtype == np.uint64:  # too large for signed keys of 64 bits
            ids = np.minimum(ids, np.uint64(np.iinfo(np.int64).max)).astype(np.int64)
        places = np.searchsorted(self._keys, ids).clip(max=len(self._keys) - 1)
        labels: Labels = np.where(self._keys[places] == ids, self._values[places], np.uint8(VOID))
        return labels

    def listed(self, ids: Iterable[int]) -> str:
        """For messages: "ids 0 to 20, 255", or "colours #400080"."""
        if self.notation == "colours":
            colours = [f"#{colour:06x}" for colour in ids]
            return f"colours {few(colours)}"
        return f"ids {listed(ids)}"

    def select(self, text: str) -> "ClassMap":
        """The map for a selection such as "background,person,animal=cat+dog": see `parse_classes`."""
        wished, void = parse_classes(text, self.classes)
        target = {source: new for new, (_, sources) in enumerate(wished) for source in sources}
        table = {id_: target.get(class_, VOID) for id_, class_ in self.table.items()}
        palette: list[RGB] = [self.classes.palette[sources[0]] for _, sources in wished]
        if len(set(palette)) < len(palette):
            palette = list(voc_palette(len(wished)))
        classes = Classes.named([name for name, _ in wished], tuple(palette))
        return ClassMap(classes, table | dict.fromkeys(void, VOID), self.notation)


def id_counts(ids: FileIds) -> dict[int, int]:
    """The number of pixels with each id, sorted by id. Raises ValueError for arrays of other types than
    integers.
    """
    if ids.dtype.kind not in "ui":
        raise ValueError(f"ids are integers, got {ids.dtype}")
    if ids.size == 0:
        return {}
    low, high = int(ids.min()), int(ids.max())
    first = 0 if 0 <= low <= high < _MOST_COUNTED else low
    if high - first < _MOST_COUNTED:
        counts = np.zeros(high - first + 1, np.int64)
        flat = ids.ravel()
        for start in range(0, flat.size, _AT_ONCE):  # numpy counts copies of 64 bits
            part = flat[start : start + _AT_ONCE]
            offsets = _offsets(part, first) if first or part.dtype == np.uint64 else part
            counts += np.bincount(offsets, minlength=len(counts))
        return {first + int(i): int(counts[i]) for i in np.flatnonzero(counts)}
    values, many = np.unique(ids, return_counts=True)
    return dict(zip(values.tolist(), many.tolist(), strict=True))


def _offsets(ids: FileIds, first: int) -> npt.NDArray[np.int64]:
    wide = np.uint64 if ids.dtype.kind == "u" else np.int64
    return (ids.astype(wide) - wide(first)).astype(np.int64)


def listed(ids: Iterable[int]) -> str:
    """Ids as ranges, the first few: "0 to 20, 255"."""
    runs: list[list[int]] = []
    for id_ in ids:
        if runs and id_ == runs[-1][-1] + 1:
            runs[-1].append(id_)
        else:
            runs.append([id_])
    return few([str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs])


def parse_classes(text: str, known: Classes) -> tuple[list[tuple[str, tuple[int, ...]]], tuple[int, ...]]:
    """New classes in order, each with the classes it is made of, and the ids that carry no label.

    `text` names classes as NAME or NAME=PART+PART, separated by commas; a part is a name or a class id of
    `known`. Classes that are not named become void. void=ID+ID makes ids of the label files void, known or
    not, and void=#RRGGBB colours. Raises DataError for other texts, ValueError for what is not a text.
    """
    if not isinstance(text, str):
        raise ValueError(f'expected classes as a text, such as "background,animal=cat+dog", got {text!r}')
    wished: list[tuple[str, tuple[int, ...]]] = []
    void: list[int] = []
    faults: list[str] = []
    used: dict[int, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, parts = (side.strip() for side in item.partition("="))
        ids = []
        for part in filter(None, (part.strip() for part in (parts or name).split("+"))):
            if part in known.names:
                id_ = known.names.index(part)
            elif name == "void" and (file_id := _file_id(part)) is not None:
                void.append(file_id)
                continue
            elif part.isdecimal() and (number := _file_id(part)) is not None and number < len(known):
                id_ = number
            else:
                faults.append(f'there is no class "{part}"')
                continue
            if id_ in used:
                faults.append(f'id {id_} is in both "{used[id_]}" and "{name}"')
            used[id_] = name
            ids.append(id_)
        if name == "void":
            continue
        if not name or name in (other for other, _ in wished):
            faults.append(f'"{item}" needs a unique name')
        else:
            wished.append((name if parts or not ids else known.names[ids[0]], tuple(ids)))
    if not wished:
        faults.append("no class is named")
    if faults:
        raise DataError(
            f'cannot read the classes "{text}": {"; ".join(faults)}',
            f"write NAME or NAME=PART+PART, separated by commas; known: {', '.join(known.names)}",
        )
    return wished, tuple(void)


def _file_id(text: str) -> int | None:
    """The id or colour that a text stands for, if it stands for one that a file can hold."""
    try:
        id_ = int(text[1:], 16) if text.startswith("#") else int(text)
    except ValueError:
        return None
    return id_ if abs(id_) < 1 << 63 else None
