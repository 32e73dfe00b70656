"""Masks that another program made, to be evaluated as a model's results are.

A folder holds a mask for each picture, called by the picture's id: ID.png, ID_mask.png or ID.npy. Its pixels
are the class ids of the data, or colours of its palette.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError
from pixelwise.core.named_files import NamedFiles
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.pictures.label_pictures import VOID_COLOUR
from pixelwise.core.terminal import printable
from pixelwise.core.threads import processors
from pixelwise.core.types import IMAGE, VOID, FileIds, Labels
from pixelwise.data.class_map import ClassMap, id_counts, parse_classes
from pixelwise.data.kind import one_of
from pixelwise.data.sample import LabelledImages, Sample
from pixelwise.data.sample_files import ColourFile, IdFile, opened, packed, part_errors, read_numbers
from pixelwise.data.sources.folder import IdRule, file_stem
from pixelwise.data.spec import options_of

KIND = "masks:"
OPTIONS = {
    "ids": "class (default): ids count the data's classes; file: they are those of the data's label files",
    "foreground": "the id of the object in masks of two values, such as 255; 0 is then the background",
}
ENDINGS = IMAGE_SUFFIXES | {".npy"}
_MOST_NAMED = 5
_NAMED = "call them ID.png, ID_mask.png or ID.npy"


@dataclass(frozen=True)
class MaskFolder:
    """The masks of the pictures of a data set, in `classes`.

    files: by the picture's id. missing: the ids without a mask. ids, colours: what the numbers in files, or
    their colours, stand for; colours is None where two classes have one. judged: the class of each of the
    data's classes.
    """

    path: Path
    classes: Classes
    files: Mapping[str, Path]
    missing: tuple[str, ...]
    ids: ClassMap
    colours: ClassMap | None
    judged: Labels
    inputs: tuple[str, ...] = (IMAGE,)

    def workers(self, workers: int | None = None) -> int:
        """How many threads should read masks: as asked for, or one for each processor."""
        return processors() if workers is None else workers

    def labels(self, sample: Sample) -> Labels:
        """(H, W) class ids of a sample's mask. Raises DataError, naming the file, if it cannot be read, has
        another size, holds unknown ids, or void where the sample has a label.
        """
        path = self.files[sample.id]
        with part_errors(path):
            found = self.judged[self._read(path)]
        if found.shape != sample.labels.shape:
            raise DataError(
                f"{printable(path)} is {found.shape[1]} x {found.shape[0]} pixels, "
                f"the labels of {sample.id} {sample.labels.shape[1]} x {sample.labels.shape[0]}",
                "a mask must have exactly the size of its picture",
            )
        void = found == VOID
        if unlabelled := int((void & (sample.labels != VOID)).sum()):
            raise DataError(
                f"{printable(path)} is void ({VOID}) in {unlabelled:,} pixels that have a label",
                f"give every pixel a class; if {VOID} is the foreground, write "
                f"{KIND}{self.path},foreground={VOID}",
            )
        found[void] = 0  # where the truth is void, nothing is counted
        return found

    def _read(self, path: Path) -> Labels:
        """(H, W) ids of the data's classes, or VOID."""
        ids, meaning = _ids_or_colours(path, self.ids.classes), self.ids
        if isinstance(ids, _Colours):
            if self.colours is None:
                raise DataError(
                    f"{printable(path)} is a picture in colours, but two classes of the data share a colour",
                    "save masks of class ids: grey or palette PNG",
                )
            ids, meaning = ids.packed, self.colours
        if unknown := meaning.unknown(ids):
            raise DataError(
                f"{printable(path)} holds the {meaning.listed(unknown)}, "
                f"but only {meaning.listed(meaning.known)} are known",
                f"{KIND}{self.path},ids=file reads the ids as the data's label files have them",
            )
        return meaning.apply(ids)


def open_masks(
    spec: str, dataset: LabelledImages, selected: str | None = None, allow_missing: bool = False
) -> MaskFolder:
    """The masks of `masks:FOLDER` for the pictures of a data set.

    selected: a selection of classes such as "background,animal=cat+dog", which merges the masks' classes as
    it does the data's; classes that it leaves out stay classes, since masks may hold them. Raises DataError
    for a folder that does not exist, for options that are not known, for a mask that is found for two
    pictures, and for pictures without a mask, unless `allow_missing`.
    """
    path, options = options_of(spec.removeprefix(KIND))
    folder = Path(path).expanduser()
    if unknown := sorted(options.keys() - OPTIONS.keys()):
        raise DataError(
            f'"{printable(spec)}" has options that masks do not know: {", ".join(unknown)}',
            f"known: {', '.join(OPTIONS)}",
        )
    if not folder.is_dir():
        raise DataError(f"the masks are not there: {printable(folder)} is not a folder", _NAMED)
    there = NamedFiles.of(folder, ENDINGS)
    named = {entry.id: there.find(_names(entry.id), ("", "_mask")) for entry in dataset.entries}
    files = {id_: path for id_, path in named.items() if path is not None}
    _expect_one_picture_each(files)
    missing = tuple(entry.id for entry in dataset.entries if entry.id not in files)
    if missing and (not files or not allow_missing):
        shown = ", ".join(map(printable, missing[:_MOST_NAMED])) + ", ..." * (len(missing) > _MOST_NAMED)
        others = "" if not files else "; --allow-missing judges the others"
        raise DataError(
            f"{len(missing)} of {len(dataset)} pictures of {dataset.name} have no mask in "
            f"{printable(folder)}: {shown}",
            f"{_NAMED}, with the id of the picture{others}",
        )
    classes, judged = _judged(dataset.classes, selected)
    ids = _meaning(dataset.class_map, options)
    return MaskFolder(folder, classes, files, missing, ids, _colours(dataset.classes), judged)


def _names(id_: str) -> tuple[str, ...]:
    """What a file may be called for a picture with this id, which may name a folder too."""
    return id_, file_stem(id_), id_.rpartition("/")[2]


def _expect_one_picture_each(files: Mapping[str, Path]) -> None:
    """Raise DataError if a mask is that of two pictures, whose ids then differ in their folder only."""
    first: dict[Path, str] = {}
    for id_, path in files.items():
        if (other := first.setdefault(path, id_)) != id_:
            raise DataError(
                f"{printable(other)} and {printable(id_)} would share the mask {printable(path)}",
                f"call masks by the whole id: {printable(id_)}.png or {printable(file_stem(id_))}.png",
            )


def _meaning(data: ClassMap, options: Mapping[str, str]) -> ClassMap:
    """What the ids in masks stand for."""
    of_file = one_of("ids", options.get("ids", "class"), ("class", "file")) == "file"
    foreground = IdRule.of("class", options.get("foreground", "")).foreground
    if foreground is not None:
        if len(data.classes) != 2 or of_file:
            raise DataError(
                f"foreground={foreground} is for data of two classes and leaves out ids=file; "
                f"the data has {len(data.classes)}",
                "leave foreground out",
            )
        return ClassMap(data.classes, {VOID: VOID} | {0: 0, foreground: 1})
    if of_file and data.notation != "ids":
        raise DataError("the data's label files hold colours, not ids", "leave ids=file out")
    return data if of_file else ClassMap.identity(data.classes)


def _colours(classes: Classes) -> ClassMap | None:
    """What the colours in masks stand for; None if two classes have one."""
    colours = [(red << 16) | (green << 8) | blue for red, green, blue in classes.palette]
    if len(set(colours)) < len(colours):
        return None
    red, green, blue = VOID_COLOUR
    void = {(red << 16) | (green << 8) | blue: VOID}
    return ClassMap(classes, void | {colour: id_ for id_, colour in enumerate(colours)}, "colours")


def _judged(classes: Classes, selected: str | None) -> tuple[Classes, Labels]:
    """The classes that are judged, and (256,) the class of each of the data's classes."""
    named = [] if selected is None else parse_classes(selected, classes)[0]
    used = {source for _, sources in named for source in sources}
    groups = [*named, *((name, (id_,)) for id_, name in enumerate(classes.names) if id_ not in used)]
    table = np.full(256, VOID, np.uint8)
    for new, (_, sources) in enumerate(groups):
        table[list(sources)] = new
    palette = tuple(classes.palette[sources[0]] for _, sources in groups)
    try:
        return Classes.named([name for name, _ in groups], palette), table
    except ValueError as fault:
        raise DataError(f"cannot judge the classes {selected}: {fault}", "choose other names") from None


@dataclass(frozen=True)
class _Colours:
    """(H, W) colours as 0xRRGGBB."""

    packed: FileIds


def _ids_or_colours(path: Path, classes: Classes) -> "FileIds | _Colours":
    """The numbers of a mask, or its colours if it is a picture in colours."""
    if path.suffix.lower() == ".npy":
        values = read_numbers(path, "mask")
        if values.ndim != 2 or values.dtype.kind not in "ui":
            raise DataError(
                f"{printable(path)} holds {values.dtype} of shape {values.shape}, but a mask is (H, W) of "
                "whole numbers",
                "for scores (C, H, W) save scores.argmax(0)",
            )
        return values
    with opened(path, "mask") as (image, _):
        in_colours = image.mode in ("RGB", "RGBA")
        palette = image.getpalette("RGB") if image.mode == "P" else None
    if in_colours:
        return _Colours(ColourFile(path).read())
    ids = IdFile(path).read()
    if palette is not None:
        _expect_own_order(path, ids, palette, classes)
    return ids


def _expect_own_order(path: Path, ids: FileIds, palette: list[int], classes: Classes) -> None:
    """Raise DataError if the colours of a palette picture are those of the classes, but in another order, as
    programs write it that save a picture in colours with a palette of their own.
    """
    table = packed(np.array(palette[: len(palette) // 3 * 3], np.uint8).reshape(-1, 3))
    own = packed(np.array(classes.palette, np.uint8))
    used = np.array([id_ for id_ in id_counts(ids) if id_ < len(table)], np.int64)
    colours = table[used]
    if np.isin(colours, own).all() and not all(
        id_ < len(own) and own[id_] == colour for id_, colour in zip(used, colours, strict=True)
    ):
        raise DataError(
            f"{printable(path)}: the colours of its palette are those of the classes, but their numbers are "
            "not the class ids",
            "save it as RGB, or as class ids",
        )


def is_masks(model: object) -> bool:
    """Whether this names a folder of masks instead of a model."""
    return isinstance(model, str) and model.startswith(KIND)
