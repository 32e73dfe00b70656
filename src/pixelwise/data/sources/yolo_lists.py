"""Which pictures the data.yaml of YOLO's data names for a split, and the text files of their outlines.

As Ultralytics reads it: `train`, `val` and `test` name a folder, a .txt file with the path of a picture on
each line, or a list of these. A line that starts with "./" is relative to its .txt file, all else to `path`.
The outlines of images/NAME.jpg are in labels/NAME.txt: the last "images" of the path becomes "labels".
Without `val` the pictures of `train` are split as in folder.py. As in CVAT's exports, splits may be called
Train, Validation and Test, and paths in .txt files may begin with a "data/" that is not there. Source:
docs.ultralytics.com/datasets.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import BeforeValidator

from pixelwise.core.errors import DataError, MissingExtraError, SplitError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.terminal import counted, reason_of
from pixelwise.data.formats.records import ClassName, record
from pixelwise.data.sample_files import portable, read_text
from pixelwise.data.sources.folder import below, held_out, is_split, split_folder

_SPLITS = ("train", "val", "test")
_LISTS = ("data.yaml", "data.yml", "dataset.yaml")
_CLASS_LISTS = {"classes", "labels"}  # of other tools, which keep them beside the outlines
_MOST_BYTES = 2_000_000  # of a list of at most 255 names
_LABELS = "expected NAME.txt for NAME.jpg, in labels/ if the picture is in images/"
_PLACES = "a place is a folder of pictures, or a .txt file with the path of a picture on each line"


@dataclass(frozen=True, slots=True)
class Lists:
    """names as a list or as "0: name"; path, train, val and test, which may be missing, name the pictures."""

    names: Annotated[
        list[ClassName], BeforeValidator(lambda names: _in_order(names) if isinstance(names, dict) else names)
    ]
    path: Annotated[str, BeforeValidator(lambda path: path or "")] = ""
    train: str | list[str] | None = None
    val: str | list[str] | None = None
    test: str | list[str] | None = None

    def places(self, split: str) -> list[str]:
        """What it names for a split, if anything."""
        named = {"train": self.train, "val": self.val, "test": self.test}.get(split)
        return [named] if isinstance(named, str) else named or []


@dataclass(frozen=True)
class Listed:
    """A picture, and the file of its outlines, which may be missing."""

    id: str
    picture: Path
    outlines: Path


def _in_order(names: "dict[object, object]") -> list[object]:
    whole = {id_: int(id_) if isinstance(id_, float) and id_.is_integer() else id_ for id_ in names}
    by_text = {str(whole[id_]): name for id_, name in names.items()}
    if by_text.keys() != set(map(str, range(len(names)))):
        raise ValueError("it should name the classes 0, 1, 2, ...")
    return [by_text[str(id_)] for id_ in range(len(names))]


def lists_file(root: Path) -> Path:
    """The .yaml file: the path itself, or that in the folder. Raises DataError if there is none."""
    file = root if root.is_file() else next((root / n for n in _LISTS if (root / n).is_file()), None)
    if file is None:
        raise DataError(f"{root} has no {_LISTS[0]}", "it names the classes: names: [cat, dog]")
    return file


def read_lists(file: Path) -> Lists:
    """The content of the .yaml file. Raises DataError if it cannot be read."""
    try:
        import yaml
    except ModuleNotFoundError:
        raise MissingExtraError("yaml") from None
    text = read_text(file, "list of classes", _MOST_BYTES)
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataError(f"{file} is not YAML: {reason_of(error)}", "correct the file") from None
    if isinstance(content, dict):
        content = {_split_of(name): value for name, value in content.items()} | {
            name: content[name] for name in _SPLITS if name in content
        }
    return record(content, f"the list of classes {file}", Lists)


def _split_of(name: object) -> object:
    """The split that a name means, or else the name itself."""
    return next((split for split in _SPLITS if is_split(str(name), split)), name)


def listed(folder: Path, lists: Lists, split: str) -> Sequence[Listed]:
    """The pictures of a split, by id. `folder` is that of the .yaml file. Raises SplitError if there is no
    such split, DataError if a list cannot be read or labels are missing.
    """
    places = _Places(folder, lists)
    own = places.of(split)
    train, val = (places.there(name) for name in ("train", "val"))
    only_train = bool(lists.train and train) and not (lists.val or val)
    if own and not (only_train and split == "train"):
        is_shared = split in ("train", "val") and train == val
        return held_out(places.pictures(own), split, 10) if is_shared else places.pictures(own)
    if only_train and split in ("train", "val", "all"):
        return held_out(places.pictures(train), split, 10)
    whole = folder / "images"
    has_splits = any(split_folder(whole, name).is_dir() for name in _SPLITS)
    if not (train or val or has_splits) and whole.is_dir():
        return held_out(places.pictures([whole]), split, 10)
    expected = places.candidates(next(iter(lists.places(split)), f"images/{split}"))[0]
    raise SplitError(f'no split "{split}": {expected} not found', _PLACES)


@dataclass(frozen=True)
class _Places:
    folder: Path
    lists: Lists

    @property
    def base(self) -> Path:
        """What paths are relative to."""
        return self.folder / Path(self.lists.path).expanduser()

    def candidates(self, name: str) -> list[Path]:
        """Where a named file or folder may be; some tools write ../train/images."""
        plain = PurePosixPath(portable(name))
        inside = PurePosixPath(*(part for part in plain.parts if part != ".."))
        return [self.base / plain, self.folder / plain, self.folder / inside]

    def of(self, split: str) -> list[Path]:
        """The folders and .txt files of a split: those that are named, or else its usual folder; empty if
        there are none. Raises DataError if a named one is missing, unless it is a single folder or the test
        split, which many files name without having it.
        """
        names = self.lists.places(split)
        found = [next((path for path in self.candidates(name) if path.exists()), None) for name in names]
        there = [path for path in found if path is not None]
        if names and len(there) == len(names):
            return there
        if len(names) > 1 or any(name.endswith(".txt") for name in names):
            gone = self.candidates(names[found.index(None)])[0]
            if split == "test":
                raise SplitError(f'no split "{split}": {gone} not found', _PLACES)
            raise DataError(f"the .yaml file names {split} pictures that are missing: {gone}", _PLACES)
        usual = split_folder(self.folder / "images", split), split_folder(self.folder, split) / "images"
        return [place for place in usual if place.is_dir()][:1]

    def there(self, split: str) -> list[Path]:
        """The same, or nothing if a named one is missing."""
        try:
            return self.of(split)
        except DataError:
            return []

    def pictures(self, places: Sequence[Path]) -> Sequence[Listed]:
        """The pictures in these folders and .txt files."""
        found = [pair for place in places for pair in (_inside if place.is_dir() else self._lines)(place)]
        if len(places) > 1 or not places[0].is_dir():
            return self._with_long_ids(found)
        return found

    def _lines(self, file: Path) -> list[Listed]:
        """The pictures that a text file lists."""
        found = []
        for line in map(portable, map(str.strip, read_text(file, "list of pictures").splitlines())):
            if line:
                own = file.parent / line
                bare = self.base / line.removeprefix("data/")
                places = [own] if line.startswith("./") else [*self.candidates(line)[:2], own, bare]
                picture = next((path for path in places if path.is_file()), places[0])
                outlines = _labels_of(picture.parent) / f"{picture.stem}.txt"
                found.append(Listed(picture.stem, picture, outlines))
        if found and not any(pair.outlines.is_file() for pair in found):
            raise DataError(
                f"the labels of the pictures in {file} are missing: {found[0].outlines} not found",
                _LABELS,
            )
        return found

    def _with_long_ids(self, found: Sequence[Listed]) -> Sequence[Listed]:
        """With ids that tell several folders apart: paths below `path`, or below the folder of all, without
        images/ in front.
        """
        paths = [Path(os.path.abspath(pair.picture)) for pair in found]  # noqa: PTH100  follows no links
        base = Path(os.path.abspath(self.base))  # noqa: PTH100
        if not all(path.is_relative_to(base) for path in paths):
            base = Path(os.path.commonpath([path.parent for path in paths]))
        ids = [path.relative_to(base).with_suffix("").as_posix().removeprefix("images/") for path in paths]
        return [Listed(id_, pair.picture, pair.outlines) for id_, pair in zip(ids, found, strict=True)]


def _inside(images: Path) -> list[Listed]:
    """The pictures in a folder and its subfolders."""
    labels = _labels_of(images)
    if not labels.is_dir():
        raise DataError(f"the labels of {images} are missing: {labels} not found", "expected NAME.txt in it")
    pictures, outlines = below(images, IMAGE_SUFFIXES), below(labels, (".txt",)).keys() - _CLASS_LISTS
    if pictures and not outlines:
        raise DataError(f"the labels of {images} are missing: no text files in {labels}", _LABELS)
    if orphans := sorted(outlines - pictures.keys()):
        raise DataError(
            f"no picture in {images} for {counted(len(orphans), 'label file')}, such as {orphans[0]}.txt",
            "add the pictures, or remove the files",
        )
    return [Listed(stem, path, labels / f"{stem}.txt") for stem, path in sorted(pictures.items())]


def _labels_of(images: Path) -> Path:
    """The folder of the outlines of the pictures in a folder."""
    parts = images.parts
    last = max((index for index, part in enumerate(parts) if part == "images"), default=None)
    return images if last is None else Path(*parts[:last], "labels", *parts[last + 1 :])
