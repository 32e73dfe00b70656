"""Makes the picture of docs/tutorials/deploy.md: `python docs/precision_picture.py`.

`default` in float32 and in int8, and where their labels differ.
"""

from pathlib import Path

import numpy as np
from panels import row
from PIL import Image

import pixelwise

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "examples"


def main() -> None:
    full, reduced = (
        pixelwise.load("default", engine="onnxruntime", precision=precision)(EXAMPLES / "astronaut.png")
        for precision in ("float32", "int8")
    )
    differ = full.labels != reduced.labels
    photo = np.asarray(Image.open(EXAMPLES / "astronaut.png").convert("L"), np.float64)
    shown = np.repeat(0.35 * photo[..., None] + 160, 3, axis=2)
    shown[differ] = (220, 30, 30)
    panels = {
        "float32": full.overlay(legend=False),
        "int8": reduced.overlay(legend=False),
        f"other labels on {differ.mean():.1%}": Image.fromarray(shown.astype(np.uint8)),
    }
    row(panels, width=260).save(HERE / "images/precision.jpg", quality=85)


if __name__ == "__main__":
    main()
