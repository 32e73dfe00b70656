"""What is put behind a cutout: a colour, the photo blurred, or another picture."""

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageFilter, ImageOps

from pixelwise.core.errors import ArgumentError
from pixelwise.core.pictures.reading import fitting, read_photo
from pixelwise.core.terminal import printable
from pixelwise.core.types import RGBImage
from pixelwise.inference.results.matting import reduced, surroundings

TRANSPARENT, BLUR = "transparent", "blur"

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_SMALL_SIDE = 640  # of the copy that is blurred
_RADIUS = 1 / 60  # of the long side: the standard deviation of the blur


def expect_backdrop(background: str | Path) -> None:
    """Raise ArgumentError unless this is "transparent", "blur", a colour #rrggbb or the path of a file, and
    ImageError if the file is not a picture.
    """
    file = file_of(background) if isinstance(background, str | Path) else None
    if file is None and isinstance(background, str | Path):
        return
    if file is None or not file.is_file():
        raise ArgumentError(
            "background",
            f"the background of a cutout is {TRANSPARENT}, {BLUR}, a colour such as #ff8800 or a picture "
            f"file; {printable(background)} is none of these",
        )
    read_photo(file, 1)


def file_of(background: str | Path) -> Path | None:
    """The file that a background names, if it names one."""
    named = background in (TRANSPARENT, BLUR) or _COLOUR.fullmatch(str(background))
    return None if named else Path(background)


def on_backdrop(cut: Image.Image, photo: RGBImage, background: str | Path) -> Image.Image:
    """The RGBA cutout of `photo` on the background, as RGB; the cutout itself if that is "transparent".

    A picture is scaled to cover the photo, and cropped around its middle. Raises ImageError if it cannot be
    read.
    """
    if background == TRANSPARENT:
        return cut
    if (file := file_of(background)) is not None:
        picture = Image.fromarray(read_photo(file, 2 * max(cut.size)).pixels)
        page = ImageOps.fit(picture, cut.size, Image.Resampling.LANCZOS)
    elif background == BLUR:
        page = _blurred(photo, cut)
    else:
        page = Image.new("RGB", cut.size, ImageColor.getrgb(str(background)))
    page.paste(cut, mask=cut.getchannel("A"))
    return page


def _blurred(photo: RGBImage, cut: Image.Image) -> Image.Image:
    """The photo out of focus, without the object: its place is filled with the colours around it, so that
    they do not run into a rim around its edge.
    """
    size = fitting((photo.shape[0], photo.shape[1]), _SMALL_SIDE)
    radius = _RADIUS * max(size)
    small = reduced(photo, size) / np.float32(255)
    behind = (reduced(np.asarray(cut.getchannel("A")), size) == 0).astype(np.float32)
    around = np.stack(surroundings(small, behind, round(2 * radius)), axis=2)
    filled = np.where(behind[..., None] > 0, small, around)
    page = Image.fromarray(np.round(255 * filled).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    return page.resize(cut.size, Image.Resampling.BICUBIC)
