"""Workers of a cluster that kill themselves, each at a known point of its work, and some that take notes."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.distributed.stages import Done, Refine, Score, Scored, Segment
from pixelwise.inference.segment_files import Outcome


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


@dataclass(frozen=True)
class DieOnce:
    """A job that kills its process at the first item, and gives items back from then on."""

    notes: Path

    def __call__(self) -> Callable[[Any], Any]:
        def work(item: Any) -> Any:
            with suppress(FileExistsError):
                (self.notes / "died").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
            return item

        return work


@dataclass(frozen=True)
class NotedScore(Score):
    """As Score. A file `ahead` has the largest number of pictures that were scored before `NotedRefine` had
    them; `gpus` has the GPUs that Ray gave to the process.
    """

    notes: Path = Path()

    def __call__(self) -> "Callable[[Any], tuple[str | None, list[Scored]]]":
        import ray

        work = super().__call__()
        (self.notes / "gpus").write_text(",".join(ray.get_runtime_context().get_accelerator_ids()["GPU"]))
        scored, most = 0, 0

        def noted(content: Any) -> "tuple[str | None, list[Scored]]":
            nonlocal scored, most
            answer = work(content)
            scored += len(answer[1])
            refined = self.notes / "refined"
            most = max(most, scored - (refined.stat().st_size if refined.exists() else 0))
            (self.notes / "ahead").write_text(str(most))
            return answer

        return noted


@dataclass(frozen=True)
class NotedRefine(Refine):
    """A slow stage after `NotedScore`, which saves nothing."""

    notes: Path = Path()

    def __call__(self) -> Callable[[Any], Done]:
        classes = self.plan.load().classes

        def work(content: tuple[str | None, list[Scored]]) -> Done:
            name, scored = content
            time.sleep(0.02 * len(scored))
            with (self.notes / "refined").open("ab") as file:
                file.write(b"." * len(scored))
            return Done(name, [Outcome(task.path) for task, _ in scored], classes)

        return work
