"""Stop a run before its last step: on signals, and by early stopping."""

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from pixelwise.core.terminal import note


@contextmanager
def signals(tell: bool = True) -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; the loop checks it after each step. A second SIGINT interrupts at
    once. `tell`: print a note on stderr.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and asked.is_set():
            raise KeyboardInterrupt
        if tell and not asked.is_set():
            note("stopping after this step, with a checkpoint (Ctrl-C again: at once, without one)")
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_best(history: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the last evaluation has a higher mean IoU than any before; NaN, where no pixel had a label, is
    lowest.
    """
    *earlier, last = (entry["mean_iou"] for entry in history)
    return last == last and all(not last <= other for other in earlier)


def early_end(done: int, steps: int, history: Sequence[Mapping[str, Any]], patience: int) -> str | None:
    """A note on a run that early stopping has ended before its last step."""
    if done == steps or not learns_no_more(history, patience):
        return None
    return (
        f"early stopping after step {done} of {steps}: {patience} evaluations without a better mean IoU; "
        "to go on, use --resume with --set patience=0 or a higher number"
    )


def learns_no_more(history: Sequence[Mapping[str, Any]], patience: int) -> bool:
    """Whether none of the last `patience` evaluations was the best so far; never, if `patience` is 0."""
    if patience == 0 or len(history) <= patience:
        return False
    return not any(is_best(history[: len(history) - back]) for back in range(patience))
