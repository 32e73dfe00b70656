"""Results that would overwrite the file they are made from."""

import os
from collections.abc import Iterable
from pathlib import Path

from pixelwise.core.errors import PixelwiseError
from pixelwise.core.terminal import printable


def expect_kept(source: Path, written: Iterable[Path], error: type[PixelwiseError]) -> None:
    """Raise `error` if one of the files to be written is the file that is read, perhaps by another name."""
    if _exists(source) and any(_exists(path) and path.samefile(source) for path in written):
        raise error(
            f"{printable(source)} would be overwritten by what is made from it", "choose another --output"
        )


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  Path.exists raises OSError for a name that is too long
