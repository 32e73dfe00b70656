"""Makes docs/images/polygons.jpg: `python docs/polygon_picture.py` with the base tier installed.

Prints what the table of docs/how_to/polygons.md says: corners, and pixels that change.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import pixelwise
from pixelwise.data.annotations.painters_order import painters_order
from pixelwise.data.formats.outlines import paint

HERE = Path(__file__).parent
TOLERANCES = (0.0, 1.0, 3.0)
PART, SCALE = (60, 20, 230, 190), 3  # left, top, right, bottom of examples/astronaut.png
GAP, TITLE = 10, 34


def main() -> None:
    """The outlines of a picture with three tolerances."""
    path = HERE.parent / "examples/astronaut.png"
    result = pixelwise.load("default")(path)
    left, top, right, bottom = PART
    width, height = (right - left) * SCALE, (bottom - top) * SCALE
    page = Image.new("RGB", (len(TOLERANCES) * (width + GAP) - GAP, height + TITLE), (255, 255, 255))
    photo = Image.open(path).convert("RGB").crop(PART).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(page)
    for column, tolerance in enumerate(TOLERANCES):
        regions = result.regions(tolerance)
        shown = photo.copy()
        pen = ImageDraw.Draw(shown)
        for region in regions:
            for ring in region.rings:
                corners = [tuple(corner) for corner in ((ring - (left, top)) * SCALE).tolist()]
                pen.line([*corners, corners[0]], fill=(255, 230, 0), width=2)
                for x, y in corners:
                    pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=(255, 255, 255), outline=(0, 0, 0))
        place = column * (width + GAP)
        page.paste(shown, (place, TITLE))
        count = sum(len(ring) for region in regions for ring in region.rings)
        text = f"tolerance {tolerance:g}: {count} corners"
        draw.text((place + 4, TITLE / 2), text, (20, 20, 20), ImageFont.load_default(20), anchor="lm")
        everything = [region.simplified(tolerance) for region in result.all_regions]
        drawn = painters_order(everything, result.classes.background, result.size)
        again, _ = paint(result.size, [(id_, [outline]) for id_, outline in drawn])
        print(f"{text}; {np.mean(again != result.labels):.3%} of the pixels differ")
    page.save(HERE / "images/polygons.jpg", quality=85)


if __name__ == "__main__":
    main()
