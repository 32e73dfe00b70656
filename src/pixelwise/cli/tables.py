"""Tables without frames on stdout. Numbers are never cut: what does not fit a terminal is printed below."""

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from pixelwise.core.terminal import on_screen, printable, say

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table

_ANY_WIDTH = 1_000_000  # no row is folded
_GAP, _SMALL_GAP = 4, 2  # blanks between columns
_NARROW = 20  # characters that a text has at least, if its words are shorter


def show(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    texts: Collection[str] = (),
    width: int = _ANY_WIDTH,
) -> None:
    """Print a table at most as wide as the terminal, or `width` without one. Control characters are escaped.

    texts: the headings of left-aligned columns; all others are right-aligned numbers. Texts are folded if the
    terminal is narrow. If that is not enough, the last columns come in further tables, each of which begins
    with the columns up to the first text. Without a terminal rows have no blanks at their end.
    """
    from rich.console import Console

    lines = [list(map(printable, row)) for row in rows]
    columns = [
        _Column(printable(heading), [line[index] for line in lines], heading in texts)
        for index, heading in enumerate(headings)
    ]
    screen = on_screen(sys.stdout)
    console = Console(
        highlight=False,
        markup=False,
        force_terminal=None if screen else False,  # whatever FORCE_COLOR says
        width=None if screen else width,
    )
    keys = next((index + 1 for index, column in enumerate(columns) if column.is_text), 1)
    blocks = _blocks(columns[:keys], columns[keys:], console.width)
    roomy = sum(column.width + _GAP for column in columns) - _GAP <= console.width
    for number, block in enumerate(blocks):
        table = _table(block, console.width, _GAP if roomy else _SMALL_GAP)
        if screen:
            console.print(*[""] * (number > 0), table, sep="\n")
            continue
        with console.capture() as shown:
            console.print(table)
        say(*[""] * (number > 0), *(line.rstrip() for line in shown.get().splitlines()))


@dataclass(frozen=True)
class _Column:
    heading: str
    cells: Sequence[str]
    is_text: bool

    @property
    def width(self) -> int:
        """Characters of the longest line."""
        return _longest((self.heading, *self.cells))

    def least(self, total: int) -> int:
        """The width at which no number and no word is broken; a text never takes half of `total`, though."""
        words = self.heading.split()
        if not self.is_text:
            return _longest((*words, *self.cells))
        word = _longest(chain(words, *map(str.split, self.cells)))
        return min(self.width, max(word, _NARROW), max(1, total // 2 - _SMALL_GAP))


def _longest(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def _blocks(keys: Sequence[_Column], others: Sequence[_Column], total: int) -> list[list[_Column]]:
    """The columns of each table: the keys, and as many others as fit."""
    blocks = [list(keys)]
    for column in others:
        block = [*blocks[-1], column]
        if _widths(block, total) is None and len(block) > len(keys) + 1:
            block = [*keys, column]
            blocks.append(block)
        blocks[-1] = block
    return blocks


def _widths(columns: Sequence[_Column], total: int) -> list[int] | None:
    """Of each column, in a table of at most `total` characters with small gaps; None if they do not fit."""
    widths = [column.least(total) for column in columns]
    left = total - sum(widths) - _SMALL_GAP * (len(columns) - 1)
    if left < 0:
        return None
    for index, column in enumerate(columns):
        more = min(left, column.width - widths[index])
        widths[index] += more
        left -= more
    return widths


def _table(columns: Sequence[_Column], total: int, gap: int) -> "Table":
    from rich.table import Table

    widths = _widths(columns, total) or [column.least(total) for column in columns]
    table = Table(box=None, padding=(0, gap // 2), pad_edge=False, header_style="dim")
    for column, width in zip(columns, widths, strict=True):
        side: JustifyMethod = "left" if column.is_text else "right"
        table.add_column(column.heading, justify=side, width=width, overflow="fold")
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table
