"""Chooses the tints of overlays, and makes docs/images/tints.png: `python docs/tints.py` prints the table.

The rule: of all colours with channels in steps of 17, of medium lightness and chroma, take the one that is
farthest from skin, fur and asphalt, then again and again the one that is farthest from all of these and from
the colours taken before. Distances are those of OKLab (Ottosson 2020), the smallest of three: 0.6 times that
of normal vision, and those of simulated protanopia and deuteranopia (Machado, Oliveira and Fernandes 2009).
So the first N tints are easy to distinguish, for any N.
"""

from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Colours = npt.NDArray[np.float64]  # (N, 3)

PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
SKIN = [(255, 224, 196), (229, 184, 143), (198, 134, 94), (141, 85, 54), (75, 46, 32)]
FUR = [(28, 24, 22), (105, 72, 45), (186, 122, 66), (222, 205, 180), (150, 150, 150)]
ASPHALT = [(60, 60, 62), (105, 105, 108), (200, 200, 200)]
LIGHTNESS, CHROMA, STEP = (0.48, 0.9), (0.1, 0.23), 17
NORMAL_WEIGHT = 0.6


def linear(rgb: npt.ArrayLike) -> Colours:
    """sRGB, 0 to 255, as light, 0 to 1."""
    share = np.asarray(rgb, np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def displayed(light: Colours) -> npt.NDArray[np.uint8]:
    """The inverse of `linear`."""
    light = light.clip(0, 1)
    share = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * share).astype(np.uint8)


def oklab(light: Colours) -> Colours:
    """Lightness, green to red, blue to yellow."""
    cones = light @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    return np.cbrt(cones) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )


def seen(rgb: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """(3, N, 3) OKLab of normal vision, protanopia and deuteranopia."""
    light = linear(rgb)
    return np.stack(
        [oklab((light @ vision.T).clip(0, 1)) for vision in (np.eye(3), PROTANOPIA, DEUTERANOPIA)]
    )


def distances(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(3, N, M) distances of colours (3, N, 3) and (3, M, 3), for each vision."""
    return np.linalg.norm(one[:, :, None] - other[:, None], axis=3)


def chosen(count: int) -> list[tuple[int, int, int]]:
    """The tints, as the rule says."""
    shades = np.arange(0, 256, STEP)
    colours = np.array(list(product(shades, repeat=3)))
    lab = oklab(linear(colours))
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    within = (lab[:, 0] > LIGHTNESS[0]) & (lab[:, 0] < LIGHTNESS[1])
    colours = colours[within & (chroma > CHROMA[0]) & (chroma < CHROMA[1])]
    visions = seen(colours)
    far = distances(visions[:1], seen(SKIN + FUR + ASPHALT)[:1])[0].min(1)
    tints = []
    for _ in range(count):
        best = int(far.argmax())
        tints.append((int(colours[best, 0]), int(colours[best, 1]), int(colours[best, 2])))
        apart = distances(visions, visions[:, [best]])[..., 0]
        apart[0] *= NORMAL_WEIGHT
        far = np.minimum(far, apart.min(0))
    return tints


def swatches(palettes: dict[str, list[tuple[int, int, int]]]) -> Image.Image:
    """Each palette as people with the three kinds of vision see it."""
    font, side, left = ImageFont.load_default(14), 34, 190
    count = max(map(len, palettes.values()))
    page = Image.new("RGB", (left + side * count + 8, len(palettes) * (3 * side + 12) + 8), "white")
    draw = ImageDraw.Draw(page)
    top = 8
    for name, colours in palettes.items():
        light = linear(colours)
        views = {"normal vision": np.eye(3), "protanopia": PROTANOPIA, "deuteranopia": DEUTERANOPIA}
        for row, (vision, matrix) in enumerate(views.items()):
            middle = top + row * side + side / 2
            draw.text((8, middle), f"{name}, {vision}", (40, 40, 45), font, anchor="lm")
            for column, colour in enumerate(displayed(light @ matrix.T)):
                x, y = left + column * side, top + row * side
                draw.rectangle((x, y, x + side - 1, y + side - 1), tuple(map(int, colour)))
        top += 3 * side + 12
    return page


def smallest(colours: list[tuple[int, int, int]]) -> list[float]:
    """The smallest distance of two of the colours, for each vision."""
    between = distances(seen(colours), seen(colours))
    between[:, range(len(colours)), range(len(colours))] = np.inf
    return [float(value) for value in between.min((1, 2))]


def main() -> None:
    from pixelwise.core import voc_palette
    from pixelwise.inference.results.tints import TINTS, visible_colour

    tints = chosen(len(TINTS))
    print("\n".join(f"    {tint}," for tint in tints))
    before = [visible_colour(colour) for colour in voc_palette(1 + len(TINTS))[1:]]
    for name, colours in {"VOC": before, "tints": tints, "first 11 tints": tints[:11]}.items():
        print(name, *(f"{value:.3f}" for value in smallest(colours)))
    picture = swatches({"VOC": before, "overlays": tints})
    picture.save(Path(__file__).parent / "images" / "tints.png", optimize=True)


if __name__ == "__main__":
    main()
