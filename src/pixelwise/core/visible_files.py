"""What a folder holds, without hidden files, such as the "._NAME" that macOS writes beside every NAME."""

import os
from collections.abc import Iterator
from pathlib import Path


def folders_below(top: Path) -> Iterator[Path]:
    """The folder itself and all folders below it, without hidden ones. Links are followed, unless they lead
    to a folder that they are in. Raises OSError for a folder that cannot be read.
    """
    left = [top]  # and not os.walk, which fails for deep trees in Python 3.11
    while left:
        folder = left.pop()
        if folder != top and folder.is_symlink() and folder.resolve() in _above(folder):
            continue
        yield folder
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
        left += [folder / name for name in sorted(names, reverse=True)]


def _above(folder: Path) -> set[Path]:
    """The folders that hold it, as named and as they really are."""
    return {above.resolve() for above in Path(os.path.abspath(folder)).parents}  # noqa: PTH100


def visible(folder: Path, pattern: str = "*") -> list[Path]:
    """The paths below a folder that match a pattern of `Path.glob`, in order. Left out are those whose name,
    or that of a folder on the way, begins with a dot. Without a pattern, raises OSError for a folder that
    cannot be read.
    """
    found = folder.iterdir() if pattern == "*" else folder.glob(pattern)
    return sorted(
        path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
