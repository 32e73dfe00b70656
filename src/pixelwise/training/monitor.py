"""Progress of a run: a progress bar, log.jsonl, and TensorBoard scalars and overlays."""

import json
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pixelwise.core.errors import TrainingError
from pixelwise.core.files import regular_file, write_atomically
from pixelwise.core.terminal import printable, reason_of
from pixelwise.training.checkpoint import go_on


class Monitor:
    """Opens on the run folder, after `start` steps of which some were `judged`; the bar is on stderr, a
    plain line every minute where stderr is not a terminal.
    """

    def __init__(self, run: Path, start: int, steps: int, batch_size: int, judged: Collection[int]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        try:
            self._board = SummaryWriter(str(run / "tensorboard"), purge_step=start + 1)
            self._log = _log_up_to(run / "log.jsonl", start, judged)
        except OSError as problem:
            raise TrainingError(
                f"cannot write tensorboard and log.jsonl in {run}: {reason_of(problem)}",
                f"move away the files in their place, then {go_on(run)}",
            ) from None
        self._run, self._console = run, Console(file=sys.stderr)
        self._start, self._steps, self._batch_size = start, steps, batch_size
        self._began = self._spoke = time.monotonic()
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} images/s  loss {task.fields[loss]:.3f}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=steps, completed=start, rate=0.0, loss=float("nan"))
        self._bar.start()

    def step(self, done: int, loss: float, rate: float) -> None:
        """Show the loss and the backbone's learning rate after `done` steps."""
        seconds = time.monotonic() - self._began
        speed = (done - self._start) * self._batch_size / seconds
        self._bar.update(self._task, completed=done, rate=speed, loss=loss)
        if done % 20 == 0 or done == self._steps:
            self._write({"step": done, "loss": loss, "learning_rate": rate, "images_per_second": speed})
        if not self._console.is_terminal and time.monotonic() - self._spoke > 60:
            self._spoke = time.monotonic()
            left = (self._steps - done) * seconds / (done - self._start) / 60
            self.say(f"step {done}/{self._steps}  loss {loss:.3f}  {speed:.1f} images/s  {left:.0f} min left")

    def evaluated(self, done: int, figures: dict[str, float], overlays: list[Image]) -> None:
        self._write({"step": done, **{f"val/{name}": value for name, value in figures.items()}})
        for index, overlay in enumerate(overlays):
            self._board.add_image(f"val/overlay_{index}", np.asarray(overlay), done, dataformats="HWC")
        spoken = [
            f"{name} {value:.3f}" if name.split("/")[-1] == "loss" else f"{name} {100 * value:.2f}"
            for name, value in figures.items()
            if "iou/" not in name  # of each class: for the log
        ]
        self.say(f"step {done}: {', '.join(spoken)}")

    def say(self, text: str) -> None:
        self._console.print(printable(text), highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        self._bar.stop()
        for part in (self._board, self._log):
            with suppress(OSError):  # a full disk was reported when the record was written
                part.close()

    def _write(self, record: dict[str, Any]) -> None:
        try:
            known = {name: value if np.isfinite(value) else None for name, value in record.items()}
            self._log.write(json.dumps(known) + "\n")  # NaN, such as an IoU without labels, is not JSON
            self._log.flush()
            for name, value in record.items():
                if name != "step" and np.isfinite(value):
                    self._board.add_scalar(name, value, record["step"])
        except OSError as problem:
            raise TrainingError(
                f"cannot write {self._log.name}: {reason_of(problem)}",
                f"free space on the disk, then {go_on(self._run)}",
            ) from problem


def _log_up_to(path: Path, step: int, judged: Collection[int]) -> Any:
    """The log, opened for appending, without what an interrupted run wrote after its last checkpoint."""
    kept = []
    if path.exists():
        for line in regular_file(path).read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                record = json.loads(line)
                done = int(record["step"])
            except (ValueError, KeyError, TypeError, RecursionError):  # cut off by a kill
                continue
            if done < step or (done == step and ("loss" in record or step in judged)):
                kept.append(line + "\n")
    write_atomically(path, lambda file: file.write("".join(kept).encode()))
    return path.open("a", encoding="utf-8")
