"""Pictures that two splits of a data set share, which they may not, and classes that they do not share.

Only files are compared, which takes no decoding. `pixelwise check` also finds pictures that look the same but
are stored in other files.
"""

from collections.abc import Iterator
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.core.files import sha256_of
from pixelwise.core.fingerprints import fingerprint_of_file
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.terminal import counted
from pixelwise.core.threads import in_order
from pixelwise.data.sample import Entry, LabelledImages

_READERS = 8
"""Threads: disks of a network answer late, but many requests at a time."""


def expect_no_shared_picture(first: LabelledImages, second: LabelledImages) -> None:
    """Raise DataError if a picture's file is in both splits, under the same name or another one."""
    shared = list(shared_pictures(first, second))
    if shared:
        one, other = first.entries[shared[0][0]].id, second.entries[shared[0][1]].id
        raise DataError(
            f"{first.name} and {second.name} share {counted(len(shared), 'picture')}, such as {one} "
            f"(there {other})",
            "remove them from one of the splits; `pixelwise check` lists them",
        )


def shared_pictures(first: LabelledImages, second: LabelledImages) -> Iterator[tuple[int, int]]:
    """The places in both splits of pictures whose files are equal.

    Most files differ in their size. Of the others a part is read, and all of it if that is equal too.
    """
    sizes = [list(in_order(_size, split.entries, _READERS)) for split in (first, second)]
    common = (set(sizes[0]) & set(sizes[1])) - {None}
    prints: list[dict[bytes, int]] = []
    for split, own in zip((first, second), sizes, strict=True):
        places = [place for place, size in enumerate(own) if size in common]
        found = in_order(_print, [split.entries[place] for place in places], _READERS)
        prints.append({print_: place for print_, place in zip(found, places, strict=True) if print_})
    for print_, place in prints[0].items():
        other = prints[1].get(print_)
        if other is not None and _equal(first.entries[place].image.path, second.entries[other].image.path):
            yield place, other


def different_classes(first: LabelledImages, second: LabelledImages) -> str | None:
    """How the classes of two splits differ, also in their order; None if they do not."""
    ours, theirs = ([own.classes.names for own in split.heads.values()] for split in (first, second))
    if ours == theirs:
        return None
    shown = [" and ".join(", ".join(names) for names in heads) for heads in (ours, theirs)]
    return f"{first.name} has the classes {shown[0]}, but {second.name} {shown[1]}"


def _size(entry: Entry) -> int | None:
    try:
        return entry.image.path.stat().st_size
    except (OSError, ValueError):  # no file, or one that the audit reports
        return None


def _print(entry: Entry) -> bytes | None:
    file = entry.image.path
    try:
        return fingerprint_of_file(file, "" if file.suffix.lower() in IMAGE_SUFFIXES else entry.id)
    except OSError:
        return None


def _equal(one: Path, other: Path) -> bool:
    try:
        return one == other or sha256_of(one) == sha256_of(other)
    except OSError:
        return False
