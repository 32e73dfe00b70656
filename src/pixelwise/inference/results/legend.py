"""The legend below an overlay: colours and names of classes."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from pixelwise.core.classes import RGB, Classes
from pixelwise.core.lettering import lettered
from pixelwise.core.terminal import printable
from pixelwise.inference.probabilities import NOTHING_FOUND, SMALLEST_SHOWN, Area, nothing_found
from pixelwise.inference.results.tints import tints

PANEL: RGB = (24, 24, 27)
TEXT: RGB = (235, 235, 235)
_FAINT: RGB = (110, 110, 114)
_LONGEST_NAME = 60  # characters; a legend grows as wide as its longest name
_LARGEST_LETTERS = 80  # pixels
_SMALLEST_PICTURE = 320  # pixels; smaller pictures are enlarged, so that what is below them can be read


@dataclass(frozen=True)
class Entry:
    """A line of the legend. faint: whether what it names is not in the picture."""

    colour: RGB
    text: str
    faint: bool = False


def shares(areas: Sequence[Area], classes: Classes) -> list[Entry]:
    """The classes found and their shares of the picture, without the background; or that there are none."""
    colours = tints(classes)
    found = [area for area in areas if area.id != classes.background]
    if nothing_found(areas, classes):
        return [Entry(colours[areas[0].id], NOTHING_FOUND)]
    large = [area for area in found if area.area >= SMALLEST_SHOWN] or found[:1]
    return [Entry(colours[area.id], f"{_short(area.name)} {_share(area.area)}") for area in large]


def all_names(areas: Sequence[Area], classes: Classes, only: Sequence[str] = ()) -> list[Entry]:
    """All classes, without the background, or `only` these; faint where a frame does not show them. So the
    legend looks the same below each frame of a video.
    """
    found = {area.id for area in areas}
    return [
        Entry(colour, _short(name), id_ not in found)
        for id_, (colour, name) in enumerate(zip(tints(classes), classes.names, strict=True))
        if id_ != classes.background and (not only or name in only)
    ]


def with_legend(picture: Image.Image, entries: Sequence[Entry]) -> Image.Image:
    """The picture above the entries, in rows."""
    size = letters(picture)
    words = [lettered(entry.text, size) for entry in entries]
    pad, line = round(size * 0.7), round(size * 1.5)
    widths = [size + pad // 2 + round(font.getlength(text)) + 2 * pad for text, font in words]

    places, x, y = [], pad, pad
    total = max(picture.width, pad + max(widths))
    for width in widths:
        if x > pad and x + width > total:
            x, y = pad, y + line
        places.append((x, y))
        x += width
    panel = Image.new("RGB", (total, y + line + pad - round(size * 0.5)), PANEL)
    draw = ImageDraw.Draw(panel)
    for entry, (text, font), (x, y) in zip(entries, words, places, strict=True):
        swatch = (x, y, x + size, y + size)
        if entry.faint:
            draw.rounded_rectangle(swatch, size // 4, outline=entry.colour, width=max(1, size // 10))
        else:
            draw.rounded_rectangle(swatch, size // 4, fill=entry.colour)
        ink = _FAINT if entry.faint else TEXT
        draw.text((x + size + pad // 2, y + size / 2), text, ink, font, anchor="lm")

    whole = Image.new("RGB", (total, picture.height + panel.height), PANEL)
    whole.paste(picture, ((total - picture.width) // 2, 0))
    whole.paste(panel, (0, picture.height))
    return whole


def enlargement(picture: Image.Image) -> int:
    """How many times larger a picture is drawn if there is something to read below it."""
    return -(-_SMALLEST_PICTURE // max(picture.size))


def letters(picture: Image.Image) -> int:
    """The height in pixels of letters below a picture."""
    return min(_LARGEST_LETTERS, max(12, round(min(max(picture.size) / 36, picture.width / 18))))


def _share(area: float) -> str:
    return f"{area:.0%}" if area >= 0.01 else "<1%"


def _short(name: str) -> str:
    shown = printable(name)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 3]}..."
