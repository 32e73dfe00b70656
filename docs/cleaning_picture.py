"""Makes the picture of "Choose classes and remove specks" in docs/tutorials/segment.md: `python
docs/cleaning_picture.py`.
"""

from pathlib import Path

from panels import row

import pixelwise
from pixelwise.inference import Cleaning

HERE = Path(__file__).parent


def main() -> None:
    result = pixelwise.load("default")(HERE.parent / "examples/astronaut.png")
    ways = {
        "as the model gives it": Cleaning(),
        "--min-region 1%": Cleaning(min_region=0.01),
        "--largest": Cleaning(largest=True),
        "--only person --fill-holes": Cleaning(only=("person",), fill_holes=True),
    }
    panels = {name: result.cleaned(way).overlay(opacity=0.6) for name, way in ways.items()}
    row(panels, width=260).save(HERE / "images/cleaning.jpg", quality=85)


if __name__ == "__main__":
    main()
