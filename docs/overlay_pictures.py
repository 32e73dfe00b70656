"""Makes the pictures of docs/how_to/overlays.md: `python docs/overlay_pictures.py` with the extra `notebook`.

The palette is made by tints.py.
"""

from pathlib import Path

import matplotlib
import numpy as np
from panels import row
from PIL import Image

import pixelwise

HERE = Path(__file__).parent
EXAMPLES, IMAGES = HERE.parent / "examples", HERE / "images"


def on_squares(cutout: Image.Image, side: int = 16) -> Image.Image:
    """A transparent picture on grey and white squares."""
    rows, columns = np.indices((cutout.height, cutout.width)) // side
    shade = np.where((rows + columns) % 2 == 0, 255, 205).astype(np.uint8)
    page = Image.fromarray(shade).convert("RGBA")
    page.alpha_composite(cutout)
    return page.convert("RGB")


def main() -> None:
    predictor = pixelwise.load("default")
    astronaut = predictor(EXAMPLES / "astronaut.png")
    overlays = {f"--opacity {share}": astronaut.overlay(share) for share in (0.2, 0.45, 0.8)}
    row(overlays).save(IMAGES / "overlays.jpg", quality=85)

    camera = predictor(EXAMPLES / "camera.png")
    maps = {"overlay": astronaut.overlay(), "confidence": astronaut.confidence_map()}
    maps |= {"overlay ": camera.overlay(), "confidence ": camera.confidence_map()}
    row(maps, width=240).save(IMAGES / "confidence.jpg", quality=85)

    officer = predictor(HERE.parent / "tests/photos/grace_hopper.jpg")
    behind = {"transparent": on_squares(officer.cutout()), "#20a090": officer.cutout("#20a090")}
    behind |= {"blur": officer.cutout("blur"), "camera.png": officer.cutout(EXAMPLES / "camera.png")}
    row(behind, width=220).save(IMAGES / "backgrounds.jpg", quality=85)

    matplotlib.use("agg")
    axes = predictor(EXAMPLES / "chelsea.png").plot()
    axes.figure.savefig(IMAGES / "plot.jpg", dpi=70)


if __name__ == "__main__":
    main()
