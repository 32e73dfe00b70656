"""Train on two data sets together, where the second has only some of the classes (partial labels)."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pixelwise.core.errors import DataError
from pixelwise.core.types import VOID, FileIds, Labels
from pixelwise.data.class_map import ClassMap
from pixelwise.data.sample import LabelledImages
from pixelwise.data.sample_files import Part


@dataclass(frozen=True)
class Translated:
    """A label file with its ids translated to another data set's: `class_map` maps them to its classes,
    `file_ids` (256) maps these and VOID to the ids in its files.
    """

    part: Part[FileIds]
    class_map: ClassMap
    file_ids: Labels

    @property
    def path(self) -> Path:
        return self.part.path

    def read(self) -> FileIds:
        ids = self.part.read()
        if unknown := self.class_map.unknown(ids):
            raise DataError(
                f"{self.path} holds the {self.class_map.listed(unknown)}, "
                f"but only {self.class_map.listed(self.class_map.known)} are known",
                "name the class in also_classes, or drop its ids there with void=ID+ID",
            )
        return self.file_ids[self.class_map.apply(ids)]


def mixed(main: LabelledImages, other: LabelledImages, classes: str | None = None) -> LabelledImages:
    """The samples of `main`, then those of `other` with labels of main's classes.

    `classes` maps the classes of `other` to main's, such as "building=building+door+window,car"; classes of
    `other` that it does not name become void. Without it, names must be the same. The samples of
    `other` know that they label only those classes (`Entry.labelled`). Raises DataError for names that main
    does not have, and for data with several heads or with colours as labels.
    """
    known = main.class_map.known
    if len(main.heads) > 1 or len(other.heads) > 1 or VOID not in main.class_map.table or max(known) > VOID:
        raise DataError(
            f"{main.name} and {other.name} cannot be mixed: that takes one head each, and ids up to 255",
            "leave out `also`, or make folders of both with `pixelwise convert`",
        )
    chosen = other.class_map if classes is None else other.class_map.select(classes)
    names = chosen.classes.names
    if strange := [name for name in names if name not in main.classes.names]:
        raise DataError(
            f"{other.name} has classes that {main.name} lacks: {', '.join(strange)}",
            f"write also_classes as NAME=PART+PART, NAME one of {', '.join(main.classes.names)}",
        )
    places = {class_: main.classes.names.index(name) for class_, name in enumerate(names)} | {VOID: VOID}
    to_main = ClassMap(
        main.classes, {id_: places[class_] for id_, class_ in chosen.table.items()}, chosen.notation
    )
    file_ids = np.full(256, VOID, np.uint8)
    for id_, class_ in main.class_map.table.items():
        file_ids[class_] = VOID if class_ == VOID else id_
    head, theirs = next(iter(main.heads)), next(iter(other.heads))
    taken = {entry.id for entry in main.entries}
    entries = tuple(
        replace(
            entry,
            id=f"also_{entry.id}" if entry.id in taken else entry.id,
            labels={head: Translated(entry.labels[theirs], to_main, file_ids)},
            labelled=frozenset(places.values()) - {VOID},
        )
        for entry in other.entries
    )
    return replace(main, name=f"{main.name} and {other.name}", entries=main.entries + entries)
