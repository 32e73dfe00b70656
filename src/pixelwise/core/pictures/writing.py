"""Write pictures to files and embed them in HTML pages."""

import base64
import io
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from pixelwise.core.files import write_atomically

_RUN_LENGTHS = 3
"""zlib's strategy Z_RLE."""


def write_picture(path: Path, picture: Image.Image) -> None:
    """Save a picture, as JPEG without visible loss if the name ends so, else as PNG."""
    write_atomically(path, lambda file: save_picture(file, path, picture))


def save_picture(file: BinaryIO, path: Path, picture: Image.Image) -> None:
    """Write a picture and its colour profile to an open file, in the format that the name `path` asks for."""
    if path.suffix.lower() in (".jpg", ".jpeg"):
        picture.save(file, "JPEG", quality=90, subsampling=0, icc_profile=picture.info.get("icc_profile"))
    elif picture.mode == "P":  # runs of one label are coded as such: smaller, and in a third of the time
        picture.save(file, "PNG", compress_type=_RUN_LENGTHS)
    else:
        picture.save(file, "PNG")


def data_url(picture: Image.Image) -> str:
    """The picture itself, for the src of an <img>: palette pictures as PNG, others as JPEG."""
    file = io.BytesIO()
    kind, options = ("png", {"optimize": True}) if picture.mode == "P" else ("jpeg", {"quality": 82})
    picture.save(file, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
