"""Pieces of HTML that reports are put together from. Texts are escaped here, bodies are HTML already.

Functions and no templates, because what a page holds depends on the data at every step.
"""

from collections.abc import Iterable, Sequence
from html import escape

from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.pictures.writing import data_url
from pixelwise.inference.results.tints import tints


def section(title: str, body: str, *notes: str) -> str:
    """A card with a heading, and below its body notes in small print."""
    small = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return f'<section><h2>{escape(title)}</h2>{body}<div class="notes">{small}</div></section>'


def side_by_side(*parts: str) -> str:
    """Parts in columns, or below each other where the page is narrow."""
    return f'<div class="two">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], style: str = "", texts: int = 1) -> str:
    """Cells are HTML; those of the first `texts` columns stand to the left, the others to the right."""

    def line(cells: Sequence[str], tag: str) -> str:
        drawn = (
            f"<{tag}>{cell}</{tag}>" if index < texts else f'<{tag} class="n">{cell}</{tag}>'
            for index, cell in enumerate(cells)
        )
        return f"<tr>{''.join(drawn)}</tr>"

    lines = line(headings, "th") + "".join(line(row, "td") for row in rows)
    return f'<div class="scroll"><table class="rows {style}">{lines}</table></div>'


def class_name(id_: int, classes: Classes) -> str:
    """The name after a swatch in the colour that label pictures show the class in."""
    red, green, blue = tints(classes)[id_]
    swatch = f'<i class="swatch" style="background:rgb({red} {green} {blue})"></i>'
    return f'<span class="class">{swatch}<span>{escape(classes.names[id_])}</span></span>'


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[0].upper()}{text[1:]}."


def figure(picture: Image.Image, caption: str, description: str) -> str:
    """The picture itself, in the page."""
    size = f'width="{picture.width}" height="{picture.height}"'
    return (
        f'<figure><img src="{data_url(picture)}" {size} alt="{escape(description)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
