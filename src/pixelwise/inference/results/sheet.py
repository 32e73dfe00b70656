"""Pictures in rows and columns, with titles and a legend of colours."""

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

from pixelwise.core.classes import RGB
from pixelwise.core.lettering import Font, lettered

Row = tuple[str, Sequence[Image.Image]]
"""A title, perhaps empty, and a picture per column."""

_CELL, _GAP, _TITLE, _LETTERS = 220, 6, 22, 14  # pixels
_PAPER, _INK = (250, 250, 250), (20, 20, 20)


def cell(picture: Image.Image) -> Image.Image:
    """The picture as wide as a cell, or as high."""
    scale = _CELL / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.BICUBIC if scale < 1 else Image.Resampling.NEAREST)


def sheet(columns: Sequence[str], rows: Sequence[Row], legend: Mapping[str, RGB]) -> Image.Image:
    """One picture: a heading for each column, cells of `cell` in rows, and the legend below."""
    width = _GAP + len(columns) * (_CELL + _GAP)
    heights = [max(one.height for one in cells) + _GAP + (_TITLE if title else 0) for title, cells in rows]
    names = [(*_fitting(name, width - 2 * _GAP - 34), colour) for name, colour in legend.items()]
    places = _placed([34 + font.getlength(name) for name, font, _ in names], width - 2 * _GAP)
    lines = 1 + max((line for _, line in places), default=0)
    page = Image.new("RGB", (width, _TITLE + sum(heights) + lines * _TITLE + _GAP), _PAPER)
    draw = ImageDraw.Draw(page)

    def write(text: str, left: float, middle: float, most: float) -> None:
        shown, font = _fitting(text, most)
        draw.text((left, middle), shown, _INK, font, anchor="lm")

    for column, name in enumerate(columns):
        write(name, _GAP + column * (_CELL + _GAP), _TITLE / 2, _CELL)
    top = _TITLE
    for (title, cells), height in zip(rows, heights, strict=True):
        if title:
            write(title, _GAP, top + _TITLE / 2, width - 2 * _GAP)
        for column, one in enumerate(cells):
            left = _GAP + column * (_CELL + _GAP) + (_CELL - one.width) // 2
            page.paste(one, (left, top + (_TITLE if title else 0)))
        top += height
    for (name, font, colour), (x, line) in zip(names, places, strict=True):
        start, middle = _GAP + x, top + line * _TITLE + _TITLE / 2
        draw.rectangle((start, middle - 6, start + 12, middle + 6), colour, _INK)
        draw.text((start + 18, middle), name, _INK, font, anchor="lm")
    return page


def _fitting(text: str, most: float) -> tuple[str, Font]:
    """The text, without its start if it is longer than `most` pixels: the end of a path tells more."""
    shown, font = lettered(text, _LETTERS)
    while font.getlength(shown) > most:
        shown = "…" + shown.removeprefix("…")[1:]
    return shown, font


def _placed(lengths: Sequence[float], width: float) -> list[tuple[float, int]]:
    """Where entries of these lengths start, and on which line, if lines are so wide."""
    places = []
    x, line = 0.0, 0
    for length in lengths:
        if x and x + length > width:
            x, line = 0.0, line + 1
        places.append((x, line))
        x += length
    return places
