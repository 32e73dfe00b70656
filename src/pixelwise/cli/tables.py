"""Tables without frames on stdout."""

import sys
from collections.abc import Collection, Iterable, Sequence

from pixelwise.core.terminal import on_screen, printable, say

_ANY_WIDTH = 1_000_000  # no row is folded


def show(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    texts: Collection[str] = (),
    no_wrap: bool = False,
    width: int = _ANY_WIDTH,
) -> None:
    """Print a table at most as wide as the terminal, or `width` without one. Control characters are escaped.

    texts: the headings of left-aligned columns; all others are right-aligned. Without a terminal a row is one
    line without blanks at its end, unless `width` is given.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(printable(heading), justify="left" if heading in texts else "right", no_wrap=no_wrap)
    for row in rows:
        table.add_row(*map(printable, row))
    if on_screen(sys.stdout):
        Console(highlight=False, markup=False).print(table)
        return
    console = Console(highlight=False, markup=False, force_terminal=False, width=width)
    with console.capture() as shown:
        console.print(table)
    say(*(line.rstrip() for line in shown.get().splitlines()))
