"""A bar on stderr with rate and time left."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(title: str, total: int, unit: str = "images") -> Iterator[Callable[[int], None]]:
    """Yields a function to be told how many of `total` are done; no bar for a single one or off a
    terminal.
    """
    if total < 2 or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    # If stdout is a terminal as well, what is printed there must pass by the bar.
    bar = Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    )
    with bar:
        task, start = bar.add_task(title, total=total, rate=""), time.perf_counter()

        def tell(done: int) -> None:
            bar.update(task, completed=done, rate=f"{done / (time.perf_counter() - start):.1f} {unit}/s")

        yield tell
