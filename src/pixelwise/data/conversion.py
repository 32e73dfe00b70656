"""Convert any data set to a folder of pictures and labels, which folder.py reads."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.core.files import exclusive, expect_no_url, make_folder, write_atomically
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.pictures.label_pictures import mask
from pixelwise.core.pictures.writing import write_picture
from pixelwise.core.terminal import printable
from pixelwise.core.threads import in_order, processors
from pixelwise.core.types import Channel
from pixelwise.data.sample import SEMANTIC, LabelledImages
from pixelwise.data.sample_files import ImageFile
from pixelwise.data.sources.folder import classes_file, file_stem, labels_folder, names_in, own_classes

_LONGEST = 200  # bytes of a file's name without its ending; file systems take 255
_LONGEST_CLASS = 1000  # characters of a class name


def convert(
    dataset: LabelledImages, place: Path, split: str, progress: Callable[[int], None] | None = None
) -> None:
    """Write the samples below `place`/`split`, those of "all" directly below `place`, and the names of
    classes below `place`.

    Pictures that are files are copied unchanged, others become PNG; labels become palette PNG of class ids,
    void 255; extra channels of 8 bits become PNG, others .npy. File names are the ids, see `file_stem`.
    Raises DataError if the folder to write exists, also if another process has just written it, if `place`
    has other classes, if a name would not read back the same, or if a sample cannot be read.
    """
    expect_possible(dataset, place, split)
    goal, names, lists = place_of(place, split), _file_names(dataset), _class_lists(dataset)
    unfinished = goal.with_name(f".{goal.name}.partial")
    try:
        with _alone(unfinished, goal):
            work = in_order(
                lambda i: _write(dataset, i, names[i], unfinished), range(len(dataset)), processors()
            )
            for done, _ in enumerate(work, start=1):
                if progress is not None:
                    progress(done)
            if (written := sum(1 for _ in (unfinished / "images").iterdir())) < len(names):
                raise DataError(
                    f"{len(names)} samples became {written} files",
                    "give samples names that differ even if upper and lower case are the same",
                )
            for name, classes in lists.items():
                write_classes((unfinished if goal == place else place) / name, classes)
            unfinished.replace(goal)
    except BaseException:
        with suppress(OSError):  # files from before stay
            place.rmdir()
        raise


def expect_possible(dataset: LabelledImages, place: Path, split: str) -> None:
    """Raise DataError if `convert` could not write the split, whatever its files hold."""
    expect_no_url(place, "another --output", DataError)
    _expect_absent(place_of(place, split))
    _file_names(dataset)
    _expect_plain([split], "split", dataset)
    _expect_plain(dataset.heads, "head", dataset)
    _expect_plain(dataset.channels, "channel", dataset)
    if SEMANTIC not in dataset.heads:
        raise DataError(f"{dataset.name} has no {SEMANTIC} head", "convert all heads together")
    for name, classes in _class_lists(dataset).items():
        _expect_lasting(classes, dataset)
        path = place / name
        if path.exists() and own_classes(path).classes.names != classes:
            raise DataError(f"{path} names other classes", "choose another folder")


def _class_lists(dataset: LabelledImages) -> dict[str, tuple[str, ...]]:
    """The names of the classes by the file that lists them."""
    return {classes_file(head): class_map.classes.names for head, class_map in dataset.heads.items()}


@contextmanager
def _alone(unfinished: Path, goal: Path) -> Iterator[None]:
    """An empty folder for this process alone; others that want to write `goal` wait. It is removed if the
    block fails. Raises DataError if it cannot be made, or if another process has written `goal`.
    """
    if unfinished.is_symlink():
        unfinished.unlink()
    make_folder(unfinished, "folder", "folder", DataError)
    with exclusive(unfinished):
        try:
            _expect_absent(goal)
            for leftover in unfinished.iterdir():  # of a process that was killed
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            yield
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise


def _expect_absent(goal: Path) -> None:
    if goal.exists():
        raise DataError(f"{goal} already exists", "choose another folder, or remove it")


def place_of(place: Path, split: str) -> Path:
    """The folder that `convert` writes a split to."""
    return place if split == "all" else place / split


def _file_names(dataset: LabelledImages) -> list[str]:
    """The samples' file names without extension. Raises DataError if two are equal or one is invalid."""
    names = [file_stem(entry.id) for entry in dataset.entries]
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise DataError(
            f"{dataset.name}: several samples would be called {', '.join(map(printable, repeated[:5]))}",
            'rename them: "/", "\\" and dots at the start become "_"',
        )
    for name in names:
        if not _is_possible(name):
            raise DataError(
                f'{dataset.name}: no file can be called "{printable(name[:80])}"',
                "give the sample another id",
            )
    return names


def _is_possible(name: str) -> bool:
    try:
        return name != "" and "\0" not in name and len(os.fsencode(name)) <= _LONGEST
    except UnicodeEncodeError:
        return False


def _expect_plain(names: Iterable[str], what: str, dataset: LabelledImages) -> None:
    """Raise DataError if one of the names, which become parts of file names, would change the folder."""
    for name in names:
        if not _is_possible(name) or name in (".", "..") or "/" in name or "\\" in name:
            raise DataError(
                f'{dataset.name}: the {what} "{printable(name[:80])}" cannot be part of a file name',
                f"rename the {what}",
            )


def _expect_lasting(classes: Sequence[str], dataset: LabelledImages) -> None:
    """Raise DataError if the class names would not read back the same."""
    for id_, name in enumerate(classes):
        if not _lasts(name):
            raise DataError(
                f'{dataset.name}: the class {id_}, "{printable(name[:80])}", cannot be a line of a text file',
                f"rename it: --classes NAME={id_}, with all other classes that you want",
            )


def _lasts(name: str) -> bool:
    try:
        return len(name) <= _LONGEST_CLASS and names_in(name.encode().decode("utf-8-sig")) == [name]
    except ValueError:
        return False


def _write(dataset: LabelledImages, index: int, name: str, place: Path) -> None:
    sample, entry = dataset.read(index), dataset.entries[index]
    if isinstance(entry.image, ImageFile) and entry.image.path.suffix.lower() in IMAGE_SUFFIXES:
        content = entry.image.path.read_bytes()
        target = place / f"images/{name}{entry.image.path.suffix.lower()}"
        write_atomically(target, lambda file: file.write(content))
    else:
        write_picture(place / f"images/{name}.png", Image.fromarray(sample.image))
    for head, labels in sample.heads.items():
        write_picture(place / f"{labels_folder(head)}/{name}.png", mask(labels, dataset.heads[head].classes))
    for channel, values in sample.channels.items():
        _write_channel(place / f"channels.{channel}" / name, values)


def _write_channel(stem: Path, values: Channel) -> None:
    if values.dtype == np.uint8 and values.shape[2] in (1, 3):
        picture = Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)
        write_picture(stem.with_name(f"{stem.name}.png"), picture)
    else:
        write_atomically(stem.with_name(f"{stem.name}.npy"), lambda file: np.save(file, values))


def write_classes(path: Path, classes: Sequence[str]) -> None:
    """Write the list that `own_classes` reads."""
    text = "".join(f"{name}\n" for name in classes)
    write_atomically(path, lambda file: file.write(text.encode()))
