"""Draw lines, rectangles and words as SVG or as a picture."""

import math
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.core.files import write_atomically
from pixelwise.core.pictures.writing import write_picture

if TYPE_CHECKING:
    from PIL import Image

Point = tuple[float, float]
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
FINE = 4
"""Pictures are painted larger by this factor and then reduced, which smooths their lines."""


class Canvas:
    """Width and height in pixels; x goes right and y down. Later shapes cover earlier ones."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._elements: list[str] = []
        self._strokes: list[Callable[[Any], None]] = []

    def rectangle(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """A filled rectangle without a frame."""
        self._elements.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}"/>'
        )
        corners = [FINE * v for v in (x, y, x + width, y + height)]
        self._strokes.append(lambda pen: pen.rectangle(corners, fill=fill))

    def frame(self, x: float, y: float, width: float, height: float, colour: str, thickness: float) -> None:
        """A rectangle's outline."""
        right, bottom = x + width, y + height
        self.line([(x, y), (right, y), (right, bottom), (x, bottom), (x, y), (right, y)], colour, thickness)

    def line(self, points: Sequence[Point], colour: str, thickness: float) -> None:
        """Straight lines from point to point."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self._elements.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{thickness:g}"/>'
        )
        scaled = [(FINE * x, FINE * y) for x, y in points]
        pixels = max(1, round(FINE * thickness))
        self._strokes.append(lambda pen: pen.line(scaled, fill=colour, width=pixels, joint="curve"))

    def arrow(self, points: Sequence[Point], colour: str, thickness: float) -> None:
        """Straight lines with a tip at the last point."""
        (x0, y0), (x, y) = points[-2:]
        angle = math.atan2(y - y0, x - x0)
        wings = [
            (x - 8 * math.cos(angle + turn), y - 8 * math.sin(angle + turn))
            for turn in (-math.pi / 8, math.pi / 8)
        ]
        back = (x - 5 * math.cos(angle), y - 5 * math.sin(angle))
        self.line([*points[:-1], back], colour, thickness)
        tip = [(x, y), *wings]
        path = " ".join(f"{px:.2f},{py:.2f}" for px, py in tip)
        self._elements.append(f'<polygon points="{path}" fill="{colour}"/>')
        scaled = [(FINE * px, FINE * py) for px, py in tip]
        self._strokes.append(lambda pen: pen.polygon(scaled, fill=colour))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: int,
        colour: str,
        *,
        bold: bool = False,
        middle: bool = False,
    ) -> None:
        """Words whose baseline begins, or has its middle, at (x, y)."""
        style = (' text-anchor="middle"' if middle else "") + (' font-weight="600"' if bold else "")
        self._elements.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}"{style}>{escape(words)}</text>'
        )

        def write(pen: Any) -> None:
            from PIL import ImageFont

            font = ImageFont.load_default(FINE * size)
            anchor = "ms" if middle else "ls"
            pen.text((FINE * x, FINE * y), words, colour, font, anchor, stroke_width=1 if bold else 0)

        self._strokes.append(write)

    def svg(self) -> str:
        """The drawing as an SVG file's text."""
        body = "\n".join(self._elements)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="{FONT}">\n'
            f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
        )

    def picture(self) -> "Image.Image":
        """The drawing as a picture of twice its size."""
        from PIL import Image, ImageDraw

        large = Image.new("RGB", (FINE * self.width, FINE * self.height), "#ffffff")
        pen = ImageDraw.Draw(large)
        for stroke in self._strokes:
            stroke(pen)
        return large.resize((2 * self.width, 2 * self.height), Image.Resampling.LANCZOS)

    def save(self, path: Path) -> None:
        """Write it as SVG if `path` ends in .svg, else as a picture."""
        if path.suffix == ".svg":
            write_atomically(path, lambda file: file.write(self.svg().encode()))
        else:
            write_picture(path, self.picture())
