"""What a folder holds, without hidden files, such as the "._NAME" that macOS writes beside every NAME."""

from pathlib import Path


def visible(folder: Path, pattern: str = "*") -> list[Path]:
    """The paths below a folder that match a pattern of `Path.glob`, in order. Left out are those whose name,
    or that of a folder on the way, begins with a dot. Without a pattern, raises OSError for a folder that
    cannot be read.
    """
    found = folder.iterdir() if pattern == "*" else folder.glob(pattern)
    return sorted(
        path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
