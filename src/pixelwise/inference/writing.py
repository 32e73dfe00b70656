"""Files that appear under their name only when they are complete."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from pixelwise.errors import ImageError

KINDS = {
    "mask": "_mask.png",
    "overlay": "_overlay.jpg",
    "cutout": "_cutout.png",
    "probabilities": "_probabilities.npz",
}
"""What can be saved, and what each file name ends with."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it. ImageError if the disk refuses."""
    temporary = path.with_name(f".{secrets.token_hex(6)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            write(file)
        temporary.replace(path)
    except BaseException as problem:
        temporary.unlink(missing_ok=True)
        if isinstance(problem, OSError):
            raise ImageError(f"cannot write {path}: {problem.strerror or problem}") from problem
        raise


def write_picture(path: Path, picture: Image.Image) -> None:
    """Save a picture in the format of the file's ending; small files, no visible loss."""
    if path.suffix == ".jpg":
        write_atomically(path, lambda file: picture.save(file, "JPEG", quality=90, subsampling=0))
    else:
        write_atomically(path, lambda file: picture.save(file, "PNG"))
