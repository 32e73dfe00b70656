"""Your own pictures: images/ and labels/ with files of equal names, also in subfolders. Splits are folders:
train/ and val/ that hold these two, or that are in both of them.

Without train/ and val/ the tenth, twentieth, ... image in name order is "val" (the last one if there are
fewer than ten), the rest is "train"; "all" is everything. classes.txt at the top names the classes, one per
line; the first is id 0, and 255 is void. Other heads are labels.NAME/ with classes.NAME.txt, extra channels
channels.NAME/. `pixelwise convert` writes this layout.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pixelwise.core.classes import Classes, is_one_line
from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.terminal import counted, printable
from pixelwise.core.types import VOID
from pixelwise.core.visible_files import folders_below, visible
from pixelwise.data.class_map import ClassMap
from pixelwise.data.kind import Source, one_of
from pixelwise.data.sample import SEMANTIC, Entry, LabelledImages
from pixelwise.data.sample_files import ChannelFile, IdFile, ImageFile, read_text

_MOST_BYTES = 2_000_000  # of a list of at most 255 names
_ONE_A_LINE = "write one name per line; the first line is id 0"
_CHANNEL_SUFFIXES = IMAGE_SUFFIXES | {".npy"}
_LARGEST_ID = 65535
Item = TypeVar("Item")

OPTIONS = {
    "zero": "class (default) or void: what id 0 means",
    "foreground": "the id of the object in masks of two values, such as 255; 0 is then the background",
}
"""Of all kinds whose labels are your own files of ids."""


@dataclass(frozen=True)
class IdRule:
    """What the ids in label files mean: see OPTIONS."""

    zero_is_void: bool = False
    foreground: int | None = None

    @classmethod
    def of(cls, zero: str, foreground: str) -> "IdRule":
        """From the options of a spec. Raises DataError for values that they cannot have."""
        void = one_of("zero", zero, ("class", "void")) == "void"
        if not foreground:
            return cls(void)
        if not foreground.isdecimal() or not 1 <= int(foreground) <= _LARGEST_ID:
            raise DataError(
                f"foreground={printable(foreground[:80])} is not the id of an object",
                f"write a number from 1 to {_LARGEST_ID}, such as foreground=255",
            )
        if void:
            raise DataError(
                "foreground and zero=void contradict each other: with foreground, 0 is the background",
                "leave one of them out",
            )
        return cls(False, int(foreground))

    def classes(self, file: Path) -> ClassMap:
        """The classes that a text file names, one per line, with their ids. Masks with a foreground need no
        file, and two names if there is one.
        """
        if self.foreground is None:
            return own_classes(file, self.zero_is_void)
        classes = own_classes(file).classes if file.is_file() else Classes.named(["background", "foreground"])
        if len(classes) != 2:
            raise DataError(
                f"{file} names {len(classes)} classes, but masks with a foreground have two",
                "name the background and the foreground, or leave foreground out",
            )
        return ClassMap(classes, {VOID: VOID} | {0: 0, self.foreground: 1})


def folder(root: Path, split: str, zero: str = "class", foreground: str = "") -> LabelledImages:
    """The split of the folder `root`; `zero` and `foreground`: see OPTIONS."""
    rule = IdRule.of(zero, foreground)
    place, inner = _place(root, split)
    labels = {head: path / inner for head, path in _named(place, "labels").items()}
    channels = {name: path / inner for name, path in _named(place, "channels").items()}
    entries = entries_of(place / "images" / inner, labels, channels)
    heads = {head: rule.classes(root / classes_file(head)) for head in labels}
    if place == root and not inner:
        learnt = [entry for entry in entries if not is_split(_top(entry.id), "test")]
        entries = held_out(learnt, split, 10)
    return LabelledImages(f"folder:{root} {split}", entries, heads)


def _place(root: Path, split: str) -> tuple[Path, str]:
    """Where images/ and labels/ of a split are, and the folder in both of them if that has the split's name.

    A folder test/ alone makes no splits of the other pictures. Raises SplitError if there is no such split,
    DataError if only some pictures are in train/ and val/.
    """
    pictured, labelled = (next(os.walk(root / part), ("", [], []))[1] for part in ("images", "labels"))
    inner = sorted(set(pictured).intersection(labelled))
    named = [name for name in inner if any(is_split(name, one) for one in ("train", "val", "test"))]
    outer = [path.parent.name for path in visible(root, "*/images") if path.with_name("labels").is_dir()]
    found = [(root / name, "") for name in (split, *outer) if is_split(name, split)]
    found += [(root, name) for name in named if is_split(name, split)]
    splitting = [name for name in named if not is_split(name, "test")]
    for place, name in found if splitting else [*found, (root, "")]:
        if all((place / part / name).is_dir() for part in ("images", "labels")):
            if name and splitting:
                _expect_all_split(root, named)
            return place, name
    there = ", ".join(sorted([*outer, *named]))
    raise SplitError(
        f'no split "{split}": {root} has no {split}/images/ and labels/, nor images/ and labels/ for it',
        f"there are {there}"
        if there
        else "put pictures into images/ and PNG files of ids into labels/, with equal names",
    )


def _top(id_: str) -> str:
    """The outermost folder of a sample; empty for one that is in none, whatever its name."""
    top, slash, _ = id_.partition("/")
    return top if slash else ""


def _expect_all_split(root: Path, named: Sequence[str]) -> None:
    """Raise DataError if pictures with labels lie beside the folders of splits, where no split has them."""
    beside = [by_stem(root / part, IMAGE_SUFFIXES) for part in ("images", "labels")]
    if without := sorted(beside[0].keys() & beside[1].keys()):
        raise DataError(
            f"{root / 'images'} has {counted(len(without), 'picture')} without a split, such as "
            f"{printable(without[0][:80])}, but others are in {', '.join(named)}",
            "move each picture and its labels into the folder of a split",
        )


def held_out(items: Sequence[Item], split: str, every: int) -> tuple[Item, ...]:
    """The items of "train", "val" or "all" for data without splits: see the docstring of this module."""
    val = range(every - 1, len(items), every) or range(len(items) - 1, len(items)) if len(items) > 1 else ()
    chosen = {
        "all": tuple(items),
        "train": tuple(item for i, item in enumerate(items) if i not in val),
        "val": tuple(items[i] for i in val),
    }
    if split not in chosen:
        raise SplitError(f'there is no split "{split}"', f"there are {', '.join(chosen)}")
    return chosen[split]


def is_split(name: str, split: str) -> bool:
    """Whether a tool's name of a subset, such as "Validation", means the split."""
    other = {"train": ("training",), "val": ("valid", "validation"), "test": ("testing",)}
    return name == split or name.lower() in (split, *other.get(split, ()))


def split_folder(root: Path, split: str) -> Path:
    """The folder of a split below `root`: called as it, or by another name for it, if there is one."""
    own = root / split
    names = [] if own.is_dir() else sorted(next(os.walk(root), ("", [], []))[1])
    return next((root / name for name in names if is_split(name, split)), own)


def entries_of(
    images: Path, labels: Mapping[str, Path], channels: Mapping[str, Path] | None = None
) -> tuple[Entry, ...]:
    """One entry per file of `images` or the main folder of `labels`, and of their subfolders; a missing
    partner gets the name that it should have.
    """
    photos = below(images, IMAGE_SUFFIXES)
    heads = {name: below(place, IMAGE_SUFFIXES) for name, place in labels.items()}
    extras = {name: below(place, _CHANNEL_SUFFIXES) for name, place in (channels or {}).items()}
    main = next(iter(heads.values()))
    return tuple(
        Entry(
            stem,
            ImageFile(photos.get(stem, images / f"{stem}.jpg")),
            {name: IdFile(heads[name].get(stem, labels[name] / f"{stem}.png")) for name in heads},
            {name: ChannelFile(found[stem]) for name, found in extras.items() if stem in found},
        )
        for stem in sorted(photos.keys() | main.keys())
    )


def by_stem(place: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """The pictures in a folder, by name without extension. Raises DataError if two share a name."""
    found: dict[str, Path] = {}
    for path in visible(place):
        if path.suffix.lower() not in suffixes:
            continue
        if path.stem in found:
            raise DataError(
                f"{found[path.stem]} and {path} differ only in their ending", "files need unique names"
            )
        found[path.stem] = path
    return found


def below(place: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """The pictures in a folder and its subfolders, by relative path without extension; none in hidden ones,
    or if there is no such folder. Raises DataError if two share a name.
    """
    if not place.is_dir():
        return {}
    return {
        (folder.relative_to(place) / stem).as_posix(): path
        for folder in folders_below(place)
        for stem, path in by_stem(folder, suffixes).items()
    }


def file_stem(id_: str) -> str:
    """The name, without ending, of the files of a sample with that id: "/", "\\" and dots at the start, which
    would hide a file, become "_".
    """
    name = id_.replace("/", "_").replace("\\", "_")
    shown = name.lstrip(".")
    return "_" * (len(name) - len(shown)) + shown


def classes_file(head: str) -> str:
    """The name of the text file with the classes of that head."""
    return "classes.txt" if head == SEMANTIC else f"classes.{head}.txt"


def labels_folder(head: str) -> str:
    """The name of the folder with the labels of that head."""
    return "labels" if head == SEMANTIC else f"labels.{head}"


def _named(place: Path, prefix: str) -> dict[str, Path]:
    """The folders PREFIX.NAME by NAME, those of labels after labels/ itself."""
    main = {SEMANTIC: place / prefix} if prefix == "labels" else {}
    found = sorted(place.glob(f"{prefix}.*"))
    return main | {path.name.partition(".")[2]: path for path in found if path.is_dir()}


def own_classes(file: Path, zero_is_void: bool = False) -> ClassMap:
    """The classes that a text file names, one per line; the first is id 0, or 1 if 0 is void."""
    if not file.is_file():
        raise DataError(
            f"the names of the classes are missing: {file} not found",
            f"{_ONE_A_LINE}; for masks of 0 and 255 add foreground=255 to the data instead",
        )
    try:
        classes = Classes.named(listed_names(file))
        return ClassMap.identity(classes, (0, VOID), 1) if zero_is_void else ClassMap.identity(classes)
    except ValueError as error:
        raise DataError(f"{file}: {error}", _ONE_A_LINE) from None


def listed_names(file: Path) -> list[str]:
    """The class names in a text file, see `names_in`. Raises DataError with the file's name."""
    try:
        return names_in(read_text(file, "list of classes", _MOST_BYTES))
    except ValueError as error:
        raise DataError(f"{file}: {error}", _ONE_A_LINE) from None


def names_in(text: str) -> list[str]:
    """The class names in a text, one per line, without blanks at either end. Empty lines at the end are
    ignored. Raises ValueError for other empty lines, and for names with control characters or line
    separators.
    """
    names = [line.strip() for line in text.rstrip().replace("\r\n", "\n").split("\n")]
    for number, name in enumerate(names, start=1):
        if not name and len(names) > 1:
            raise ValueError(f"line {number} is empty, but every line is a class")
        if not is_one_line(name):
            raise ValueError(f"line {number} is not a name: it has characters that cannot be shown")
    return [name for name in names if name]


SOURCE = Source(
    kind="folder",
    title="Your own pictures and labels",
    read=folder,
    splits=("train", "val"),
    layout="images/NAME.jpg, labels/NAME.png (ids, 255 void), classes.txt; or these below train/ and "
    "val/, or train/ and val/ below these",
    get="made by you, or by `pixelwise convert`",
    terms="yours",
    options=OPTIONS,
)
