"""Makes the picture of docs/weak_labels.md: `python docs/weak_labels_picture.py` with the base tier
installed. The box was drawn by hand."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from panels import row, tinted
from PIL import Image, ImageDraw

from pixelwise.core.boxes import Box
from pixelwise.crf.masks_from_boxes import MIDDLE, masks_from_boxes

HERE = Path(__file__).parent
BOX = Box(1, 0, 0, 300, 375)


def outlined(photo: npt.NDArray[np.uint8], box: Box) -> Image.Image:
    """The photo with the box and the part of it that is certain."""
    picture = Image.fromarray(photo)
    draw = ImageDraw.Draw(picture)
    for rectangle, width in ((box, 4), (box.middle(MIDDLE), 2)):
        corners = (rectangle.left, rectangle.top, rectangle.right - 1, rectangle.bottom - 1)
        draw.rectangle(corners, outline=(255, 200, 0), width=width)
    return picture


def main() -> None:
    photo = np.asarray(Image.open(HERE.parent / "examples" / "chelsea.png").convert("RGB"))
    rectangle = np.zeros(photo.shape[:2], bool)
    rectangle[BOX.pixels((photo.shape[0], photo.shape[1]))] = True
    pictures = {
        "a box, and its middle": outlined(photo, BOX),
        "the box as a label": tinted(photo, rectangle),
        "what boxes-to-masks makes of it": tinted(photo, masks_from_boxes(photo, [BOX]) == BOX.label),
    }
    row(pictures).save(HERE / "images" / "weak_labels.jpg", quality=85)


if __name__ == "__main__":
    main()
