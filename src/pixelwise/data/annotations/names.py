"""Names as annotation files can hold them: of classes, and of pictures below their common folder."""

import os
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

from pixelwise.core.classes import Classes
from pixelwise.core.terminal import printable


def class_names(classes: Classes, reserved: Collection[str] = ()) -> list[str]:
    """The names by id, all different, each on one line and without blanks at its ends; "background" for the
    background class, and none of `reserved`.

    Our readers, and most tools, take no others. A name that is taken gets its id: "cat (7)".
    """
    used = {"", "background", *reserved}
    names = []
    for id_, name in enumerate(classes.names):
        made = printable(name).strip()
        if id_ == classes.background:
            made = "background"
        elif made in used:
            made = f"{made} ({id_})".strip()
            while made in used:
                made += "'"
        used.add(made)
        names.append(made)
    return names


def common_folder(paths: Iterable[Path]) -> Path:
    """The deepest folder that holds all files; the current one if there are none."""
    folders = {os.path.abspath(path.parent) for path in paths}  # noqa: PTH100  resolve would follow links
    try:
        return Path(os.path.commonpath(folders)) if folders else Path()
    except ValueError:  # several drives
        return Path()


def picture_name(path: Path, folder: Path) -> str:
    """The path of a picture relative to a folder, with / as separator, on one line."""
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # another drive
        relative = str(path)
    return file_name(Path(relative))


def path_from(folder: Path, path: Path) -> str:
    """The path of a file or folder relative to a folder, on one line. If a link leads to the folder, it is
    the path from where that really is: ".." leads out of there.
    """
    if (real := folder.resolve()) != Path(os.path.abspath(folder)):  # noqa: PTH100  resolve follows links
        folder, path = real, path.parent.resolve() / path.name
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # another drive
        relative = os.path.abspath(path)  # noqa: PTH100  resolve would follow links
    return file_name(Path(relative))


def file_name(path: Path) -> str:
    """A path with / as separator, on one line. Blanks of all kinds stay, such as those in the names of
    macOS's screenshots, so that the file is found by its name.
    """
    return "".join(c if unicodedata.category(c) == "Zs" else printable(c) for c in path.as_posix())
