"""Workers of a cluster that kill themselves, each at a known point of its work."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.distributed.stages import Done, Segment


@dataclass(frozen=True)
class DyingSegment(Segment):
    """As Segment, but a process is killed when a file that matches `unnamed` is complete and about to get its
    name, and one when the results of `unreported` are saved and its batch is about to be reported.

    Each happens once. notes: a folder for a file by each process that starts, and one by each that dies.
    """

    notes: Path = Path()
    unnamed: str = ""
    unreported: str = ""

    def __call__(self) -> Callable[[Any], Done]:
        (self.notes / f"started-{os.getpid()}").touch()
        work, replace = super().__call__(), Path.replace

        def dying_replace(path: Path, target: Path) -> Path:
            if target.match(self.unnamed):
                self._die("unnamed")
            return replace(path, target)

        def dying_work(content: Any) -> Done:
            done = work(content)
            if any(Path(outcome.path).name == self.unreported for outcome in done.outcomes):
                self._die("unreported")
            return done

        Path.replace = dying_replace  # type: ignore[method-assign, assignment]
        return dying_work

    def _die(self, point: str) -> None:
        with suppress(FileExistsError), (self.notes / f"died-{point}").open("x") as note:
            note.write(str(os.getpid()))
            note.flush()
            os.kill(os.getpid(), signal.SIGKILL)
