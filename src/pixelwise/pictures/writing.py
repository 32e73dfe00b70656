"""What is saved of a picture, and under which names."""

from pathlib import Path

from PIL import Image

from pixelwise.files import write_atomically

KINDS = {
    "mask": "_mask.png",
    "overlay": "_overlay.jpg",
    "cutout": "_cutout.png",
    "probabilities": "_probabilities.npz",
}
"""What can be saved, and what each file name ends with."""


def write_picture(path: Path, picture: Image.Image) -> None:
    """Save a picture in the format of the file's ending; small files, no visible loss."""
    if path.suffix == ".jpg":
        write_atomically(path, lambda file: picture.save(file, "JPEG", quality=90, subsampling=0))
    else:
        write_atomically(path, lambda file: picture.save(file, "PNG"))
