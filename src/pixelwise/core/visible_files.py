"""What a folder holds, without hidden files, such as the "._NAME" that macOS writes beside every NAME."""

import os
from collections.abc import Iterator
from pathlib import Path


def folders_below(top: Path) -> Iterator[Path]:
    """The folder itself and all folders below it, each once, without hidden ones. Links to folders elsewhere
    are followed, unless these hold `top`. Raises OSError for a folder that cannot be read.
    """
    home = top.resolve()
    seen = set[Path]()
    left = [top]  # and not os.walk, which fails for deep trees in Python 3.11
    while left:
        folder = left.pop()
        real = folder.resolve()
        is_here = folder != top and folder.is_symlink() and real.is_relative_to(home)
        if is_here or real in seen or (real != home and home.is_relative_to(real)):
            continue
        seen.add(real)
        yield folder
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and _is_folder(entry)]
        left += [folder / name for name in sorted(names, reverse=True)]


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a folder or a link to one; not a link to itself."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def visible(folder: Path, pattern: str = "*") -> list[Path]:
    """The paths below a folder that match a pattern of `Path.glob`, in order. Left out are those whose name,
    or that of a folder on the way, begins with a dot. Without a pattern, raises OSError for a folder that
    cannot be read.
    """
    found = folder.iterdir() if pattern == "*" else folder.glob(pattern)
    return sorted(
        path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
