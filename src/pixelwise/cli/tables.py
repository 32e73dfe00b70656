"""Tables without frames on stdout."""

import sys
from collections.abc import Collection, Iterable, Sequence

from pixelwise.core.terminal import on_screen, printable


def show(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    texts: Collection[str] = (),
    no_wrap: bool = False,
    width: int = 120,
) -> None:
    """Print a table as wide as the terminal, or `width` without one. Control characters are escaped.

    texts: the headings of left-aligned columns; all others are right-aligned.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(printable(heading), justify="left" if heading in texts else "right", no_wrap=no_wrap)
    for row in rows:
        table.add_row(*map(printable, row))
    console = Console(highlight=False, markup=False, width=None if on_screen(sys.stdout) else width)
    console.print(table)
