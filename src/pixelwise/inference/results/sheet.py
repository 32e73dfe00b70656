"""Pictures in rows and columns, with titles and a legend of colours."""

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from pixelwise.core.classes import RGB

Row = tuple[str, Sequence[Image.Image]]
"""A title, perhaps empty, and a picture per column."""

_CELL, _GAP, _TITLE = 220, 6, 22  # pixels
_PAPER, _INK = (250, 250, 250), (20, 20, 20)


def cell(picture: Image.Image) -> Image.Image:
    """The picture as wide as a cell, or as high."""
    scale = _CELL / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.BICUBIC if scale < 1 else Image.Resampling.NEAREST)


def sheet(columns: Sequence[str], rows: Sequence[Row], legend: Mapping[str, RGB]) -> Image.Image:
    """One picture: a heading for each column, cells of `cell` in rows, and the legend below."""
    font = ImageFont.load_default(14)
    width = _GAP + len(columns) * (_CELL + _GAP)
    heights = [max(one.height for one in cells) + _GAP + (_TITLE if title else 0) for title, cells in rows]
    places = _placed([34 + font.getlength(name) for name in legend], width - 2 * _GAP)
    lines = 1 + max((line for _, line in places), default=0)
    page = Image.new("RGB", (width, _TITLE + sum(heights) + lines * _TITLE + _GAP), _PAPER)
    draw = ImageDraw.Draw(page)
    for column, name in enumerate(columns):
        shown = name
        while font.getlength(shown) > _CELL:  # the start of a path matters least
            shown = "…" + shown.removeprefix("…")[1:]
        draw.text((_GAP + column * (_CELL + _GAP), _TITLE / 2), shown, _INK, font, anchor="lm")
    top = _TITLE
    for (title, cells), height in zip(rows, heights, strict=True):
        if title:
            draw.text((_GAP, top + _TITLE / 2), title, _INK, font, anchor="lm")
        for column, one in enumerate(cells):
            left = _GAP + column * (_CELL + _GAP) + (_CELL - one.width) // 2
            page.paste(one, (left, top + (_TITLE if title else 0)))
        top += height
    for (name, colour), (x, line) in zip(legend.items(), places, strict=True):
        start, middle = _GAP + x, top + line * _TITLE + _TITLE / 2
        draw.rectangle((start, middle - 6, start + 12, middle + 6), colour, _INK)
        draw.text((start + 18, middle), name, _INK, font, anchor="lm")
    return page


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
