"""Find files of another folder by the names of pictures: NAME.png, NAME_mask.png, NAME.npy."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import DataError
from pixelwise.core.terminal import printable
from pixelwise.core.visible_files import visible


@dataclass(frozen=True)
class NamedFiles:
    """The files of a folder and its subfolders by their path below it, without ending."""

    folder: Path
    files: dict[str, list[Path]]

    @classmethod
    def of(cls, folder: Path, endings: Collection[str]) -> "NamedFiles":
        """Those with one of these endings; hidden files do not count."""
        found: dict[str, list[Path]] = {}
        for path in visible(folder, "**/*"):
            if path.suffix.lower() in endings and path.is_file():
                found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), []).append(path)
        return cls(folder, found)

    def find(self, names: Iterable[str], tails: Iterable[str]) -> Path | None:
        """The file called as the first of these names with the first of these tails that there is. Raises
        DataError if two files differ only in their ending.
        """
        tails = list(tails)
        for name in names:
            for tail in tails:
                paths = self.files.get(f"{name}{tail}", [])
                if len(paths) > 1:
                    raise DataError(
                        f"{printable(paths[0])} and {printable(paths[1])} differ only in their ending",
                        "keep one of them",
                    )
                if paths:
                    return paths[0]
        return None
