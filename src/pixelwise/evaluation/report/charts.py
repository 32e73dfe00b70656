"""Charts of a report as inline SVG, whose colours are the page's CSS variables.

By hand, because the base install judges models too, and Matplotlib, larger than all of it, knows no CSS.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_WIDTH, _HEIGHT = 440, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 12, 26, 36


@dataclass(frozen=True)
class Line:
    """Points (x, y) with y in [0, 1], or None where it is not defined; `style` is a CSS class."""

    name: str
    style: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class _Plot:
    """Maps x from `low` to `high`, and shares from `floor` to `ceiling`, to pixels."""

    low: float
    high: float
    floor: float = 0.0
    ceiling: float = 1.0

    def x(self, value: float) -> float:
        return _LEFT + (value - self.low) / (self.high - self.low) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, share: float) -> float:
        span = (share - self.floor) / (self.ceiling - self.floor)
        return _HEIGHT - _BOTTOM - span * (_HEIGHT - _TOP - _BOTTOM)

    def frame(self, xticks: Sequence[tuple[float, str]], xlabel: str, ylabel: str) -> list[str]:
        """Grid lines, ticks and axis names."""
        parts = []
        tenths = round(10 * (self.ceiling - self.floor))
        for tenth in range(0, tenths + 1, 1 if tenths <= 5 else 2):
            y = self.y(self.ceiling - tenth / 10)
            parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            label = f"{100 * self.ceiling - 10 * tenth:.0f}"
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
        for value, label in xticks:
            x, y = self.x(value), _HEIGHT - _BOTTOM
            parts.append(f'<text x="{x:.1f}" y="{y + 16}" text-anchor="middle">{escape(label)}</text>')
        corner = f'x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}" text-anchor="end"'
        parts.append(f'<text class="axis" {corner}>{escape(xlabel)}</text>')
        parts.append(f'<text class="axis" x="6" y="12">{escape(ylabel)}</text>')
        return parts


def _svg(parts: Sequence[str], title: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def curves(lines: Sequence[Line], title: str, xlabel: str, ylabel: str) -> str:
    """Lines over a common x axis with their names below; shares begin at the tenth below the lowest point.

    Nothing if there is no point.
    """
    xs = [x for line in lines for x, y in line.points if y is not None]
    ys = [y for line in lines for _, y in line.points if y is not None]
    if not xs:
        return ""
    floor = min(0.9, max(0, int(10 * min(ys)) / 10))
    plot = _Plot(min(xs), max(max(xs), min(xs) + 1), floor)
    ticks = [(x, f"{x:g}") for x in sorted({min(xs), *range(5, int(max(xs)) + 1, 5)})]
    parts = plot.frame(ticks, xlabel, ylabel)
    for line in lines:
        places = [(plot.x(x), plot.y(y)) for x, y in line.points if y is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        name = f"<title>{escape(line.name)}</title>"
        parts.append(f'<polyline class="line {line.style}" points="{path}">{name}</polyline>')
    names = "".join(f'<span><i class="key {line.style}"></i>{escape(line.name)}</span>' for line in lines)
    return f'{_svg(parts, title)}<p class="legend">{names}</p>'


def reliability(bins: Sequence[dict[str, Any]], title: str) -> str:
    """Bars of accuracy by confidence, the diagonal, and the gap between both; `bins` are Calibration's."""
    plot = _Plot(0, 1)
    parts = plot.frame([(tenth / 5, f"{20 * tenth}") for tenth in range(6)], "confidence %", "accuracy %")
    total = sum(row["pixels"] for row in bins)
    for row in bins:
        left, right = plot.x(row["from"]) + 1, plot.x(row["to"]) - 1
        top, base = plot.y(row["accuracy"]), plot.y(0)
        hint = (
            f"{row['pixels'] / total:.1%} of the pixels: confidence {row['confidence']:.1%}, "
            f"accuracy {row['accuracy']:.1%}"
        )
        parts.append(
            f'<rect class="bar" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
            f'height="{base - top:.1f}"><title>{escape(hint)}</title></rect>'
        )
        ideal = plot.y(row["confidence"])
        parts.append(
            f'<rect class="gap" x="{left:.1f}" y="{min(top, ideal):.1f}" width="{right - left:.1f}" '
            f'height="{abs(top - ideal):.1f}"/>'
        )
    x0, x1, y0, y1 = plot.x(0), plot.x(1), plot.y(0), plot.y(1)
    parts.append(f'<line class="ideal" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>')
    names = "<span>bars: accuracy at that confidence</span><span>red: the gap between both</span>"
    return f'{_svg(parts, title)}<p class="legend">{names}</p>'
