"""A bar on stderr with rate and time left."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from pixelwise.core.terminal import on_screen, printable

_FIGURES = 50  # characters of the bar, the numbers and the time
_SURE = 0.5  # seconds after which a rate means something: several threads tell of their first at once


@contextmanager
def progress(
    title: str, total: int, unit: str = "images", before: int = 0
) -> Iterator[Callable[[int], None]]:
    """Yields a function to call with the number done, of which so many were done `before`. There is no bar
    for one item or without a terminal. Of a long title the first word and the end are shown.
    """
    if total < 2 or not on_screen(sys.stderr):
        yield lambda done: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    # If stdout is a terminal too, rich must print its lines above the bar.
    console = Console(stderr=True)
    shown, room = printable(title), max(16, console.width - _FIGURES)
    if len(shown) > room:
        first = shown.split()[0]
        shown = f"{first} …{shown[len(first) + 2 - room :]}"
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=on_screen(sys.stdout))
    with bar:
        task, start = bar.add_task(escape(shown), total=total, rate=""), time.perf_counter()

        def tell(done: int) -> None:
            seconds = time.perf_counter() - start
            rate = f"{(done - before) / seconds:.1f} {unit}/s" if seconds > _SURE else ""
            with suppress(OSError):  # the terminal was closed; the work continues
                bar.update(task, completed=done, rate=rate)

        yield tell


@contextmanager
def counting(title: str, unit: str = "images") -> Iterator[Callable[[int, int], None]]:
    """Yields a function to call with the number done, first with 0, and their total."""
    with ExitStack() as shown:
        begun: list[Callable[[int], None]] = []

        def tell(done: int, total: int) -> None:
            if not begun:
                begun.append(shown.enter_context(progress(title, total, unit)))
            begun[0](done)

        yield tell


@contextmanager
def bars(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """Yields a function to call with a name, how many are done, and their total: a bar for each name."""
    with ExitStack() as shown:
        begun: dict[str, Callable[[int], None]] = {}

        def tell(name: str, done: int, total: int) -> None:
            if name not in begun:
                shown.close()
                begun[name] = shown.enter_context(progress(f"{title} {name}", total, before=done))
            begun[name](done)
            if done == total:
                shown.close()
                del begun[name]

        yield tell
