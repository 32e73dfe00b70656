"""Makes the picture of docs/judge_masks.md: `python docs/masks_picture.py`.

The mask comes from a threshold on colour, as a simple program would make it, and is judged by outlines that
were drawn by hand.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from panels import row
from PIL import Image

import pixelwise

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests/support"))
from photo_labels import VOID, labelled  # noqa: E402

VOID_COLOUR, WRONG, RIGHT = (245, 240, 215), (220, 30, 30), (70, 130, 90)


def main() -> None:
    photo, truth = labelled("chelsea.png", 1)
    pixels = np.asarray(photo, np.int16)
    mask = np.where(pixels[..., 0] - pixels[..., 2] > 35, 255, 0).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        data, theirs = Path(folder, "data"), Path(folder, "theirs")
        for place in (data / "images", data / "labels", theirs):
            place.mkdir(parents=True)
        photo.save(data / "images/chelsea.png")
        Image.fromarray(truth).save(data / "labels/chelsea.png")
        (data / "classes.txt").write_text("background\ncat\n")
        Image.fromarray(mask).save(theirs / "chelsea.png")
        judged = pixelwise.evaluate(f"masks:{theirs},foreground=255", f"folder:{data}", "all")
    shown = np.where((mask == 255)[..., None], RIGHT, (200, 200, 200)).astype(np.uint8)
    shown[(mask == 255) != (truth == 1)] = WRONG
    shown[truth == VOID] = VOID_COLOUR
    panels = {
        "photo": photo,
        "their mask, 0 and 255": Image.fromarray(mask).convert("RGB"),
        f"wrong in red: mean IoU {judged.summary()['mean_iou']:.1%}": Image.fromarray(shown),
    }
    row(panels, width=280).save(HERE / "images/masks.jpg", quality=85)


if __name__ == "__main__":
    main()
