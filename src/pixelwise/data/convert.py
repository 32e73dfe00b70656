"""Any data set as a folder of pictures and labels, as folder.py reads it."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.data.folder import classes_file, file_stem, labels_folder
from pixelwise.data.parts import IMAGE_SUFFIXES, ImageFile, read_text
from pixelwise.data.sample import LabelledImages
from pixelwise.errors import DataError
from pixelwise.files import write_atomically
from pixelwise.pictures.masks import mask
from pixelwise.pictures.writing import write_picture
from pixelwise.streams import in_order, processors
from pixelwise.types import Channel


def convert(
    dataset: LabelledImages, place: Path, split: str, progress: Callable[[int], None] | None = None
) -> None:
    """Write the samples below `place`/`split`, those of "all" right below `place`, and the names of classes
    below `place`.

    Pictures that are files are copied as they are, others become PNG; labels become palette PNG of class ids,
    void 255; extra channels of 8 bits become PNG, others .npy. Names are the ids, "/" as "_". Raises
    DataError if the folder to write exists, if `place` has other classes, or for what a sample's reading
    raises.
    """
    goal = place_of(place, split)
    if goal.exists():
        raise DataError(f"{goal} already exists", "choose another folder, or remove it")
    names = [file_stem(entry.id) for entry in dataset.entries]
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise DataError(
            f"{dataset.name}: several samples would be called {', '.join(repeated[:5])}",
            'rename them: "/" and "\\" become "_"',
        )
    lists = {classes_file(head): class_map.classes.names for head, class_map in dataset.heads.items()}
    for name, classes in lists.items():
        path = place / name
        if path.exists() and read_text(path, "list of classes").splitlines() != list(classes):
            raise DataError(f"{path} names other classes", "choose another folder")

    unfinished = goal.with_name(f".{goal.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        work = in_order(lambda i: _write(dataset, i, names[i], unfinished), range(len(dataset)), processors())
        for done, _ in enumerate(work, start=1):
            if progress is not None:
                progress(done)
        for name, classes in lists.items():
            write_classes((unfinished if goal == place else place) / name, classes)
        unfinished.replace(goal)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        with suppress(OSError):  # what was there before stays
            place.rmdir()
        raise


def place_of(place: Path, split: str) -> Path:
    """The folder that `convert` writes a split to."""
    return place if split == "all" else place / split


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
