"""The training loop."""

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pixelwise.core.errors import PixelwiseError, TrainingError
from pixelwise.core.fingerprints import packed, unpacked
from pixelwise.core.terminal import counted, note
from pixelwise.data import LabelledImages
from pixelwise.data.checks.learnt_pictures import fingerprints_of
from pixelwise.training import checkpoint, stopping
from pixelwise.training.callbacks import Callbacks
from pixelwise.training.distributed.launcher import is_first
from pixelwise.training.distributed.processes import (
    LostProcessError,
    any_of,
    connected,
    gathered,
    naming_lost,
)
from pixelwise.training.learner import Learner, NotFiniteError
from pixelwise.training.monitor import Monitor
from pixelwise.training.nonfinite_steps import save_evidence
from pixelwise.training.optimizer import below_peak
from pixelwise.training.recipe import Recipe
from pixelwise.training.sampling.batches import Batch, steps_of
from pixelwise.training.setup.ignored_settings import ignored
from pixelwise.training.setup.run_start import (
    bands_of,
    begin,
    changes,
    channels_of,
    class_weights,
    expect_same_bands,
    expect_same_classes,
    images_per_step,
    is_finished,
    judged_by_batch,
    occupied,
    seen,
    settled,
    statistics_of,
)
from pixelwise.training.setup.start import start_of
from pixelwise.training.validation import Judge

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def train(
    recipe: Recipe,
    train_set: LabelledImages,
    val_set: LabelledImages,
    run: Path,
    resume: bool = False,
    callbacks: Callbacks | None = None,
) -> bool:
    """Train as the recipe says, with checkpoints and logs in the folder `run`; True if it came to its end.

    False means that SIGINT or SIGTERM stopped it; the checkpoint has everything up to that step. With
    `resume` the run continues from its last checkpoint. On the CPU its final weights equal those of an
    uninterrupted run. Every process of a run calls this, see processes.py.
    """
    if is_first():
        for remark in (changes(recipe), ignored(recipe), judged_by_batch(recipe), below_peak(recipe)):
            if remark is not None:
                note(f"note: {remark}")
    recipe = settled(recipe, run if resume else None)
    with determinism(recipe.deterministic), connected(recipe) as fabric:
        # All processes find the same faults of folder and data at the same time; one reports them.
        train_set, val_set = (seen(images, recipe) for images in (train_set, val_set))
        expect_same_classes(train_set, val_set)
        expect_same_bands(train_set, val_set, recipe)
        state = begin(recipe, train_set, run, resume)
        if state is not None and is_finished(recipe, state.step, state.history):
            _tell_early_end(recipe, state.step, state.history)
            return True
        with occupied(run) if fabric.is_global_zero else nullcontext():
            training = Training(fabric, recipe, train_set, val_set, run, state, callbacks or Callbacks())
            if finished := training.go_on():
                _tell_early_end(recipe, training.done, training.history)
            return finished


def _tell_early_end(recipe: Recipe, done: int, history: Sequence[Mapping[str, Any]]) -> None:
    remark = stopping.early_end(done, recipe.steps, history, recipe.patience)
    if remark is not None and is_first():
        note(f"note: {remark}")


class Training:
    """A run in progress, after `done` steps."""

    def __init__(
        self,
        fabric: "Fabric",
        recipe: Recipe,
        train_set: LabelledImages,
        val_set: LabelledImages,
        run: Path,
        state: checkpoint.Checkpoint | None,
        callbacks: Callbacks,
    ) -> None:
        self.fabric, self.recipe, self.run, self.callbacks = fabric, recipe, run, callbacks
        self.classes = {name: class_map.classes for name, class_map in train_set.heads.items()}
        self.channels, self.bands = channels_of(train_set, recipe), bands_of(train_set, recipe)
        weights = class_weights(recipe, train_set)
        new = state is None
        statistics = statistics_of(train_set, recipe) if new else None
        self.learner = Learner(fabric, recipe, train_set.sizes, weights, self.channels, new, statistics)
        if state is not None:
            with checkpoint.fitting(run / checkpoint.LAST):
                self.learner.restore(state)
        self.learnt_from = "" if not fabric.is_global_zero else _learnt_from(recipe, train_set, state)
        self.judge = Judge(fabric, recipe, val_set, self.channels, self.bands)
        self.done = 0 if state is None else state.step
        self.history = [] if state is None else state.history
        self.began = self.saved = time.monotonic()
        self.seconds_before = 0.0 if state is None else state.seconds
        self.images_per_step = images_per_step(recipe)
        self.stream = steps_of(recipe, train_set, self.done, fabric.global_rank, fabric.world_size)

    def finished(self) -> bool:
        """Whether the run is finished."""
        return is_finished(self.recipe, self.done, self.history)

    def go_on(self) -> bool:
        """Train until finished (True) or until a signal comes, be it in the last evaluation (False)."""
        leads = self.fabric.is_global_zero
        with stopping.signals(tell=leads) as asked, self._monitor() as monitor, self._rescue():
            if self.fabric.world_size > 1 and self.done == 0:
                self._save()  # if the process that writes is lost, the run can continue from here
            if self._due() and self.done not in self._judged():
                self._evaluate(monitor)  # the run was ended before or meanwhile
            while not self.finished():
                loss = self._learn(self._next())
                if monitor is not None:
                    monitor.step(self.done, loss, self.learner.rate)
                self._call(self.callbacks.on_step, loss, self.learner.rate)
                stop = any_of(self.fabric, asked.is_set())
                if self._due() and (self.done == self.recipe.steps or not stop):
                    self._evaluate(monitor)
                if stop:
                    break
                if time.monotonic() - self.saved > 60 * self.recipe.checkpoint_minutes:
                    self._save()
            self._save()
            self.fabric.barrier()  # a next stage reads what the first process has written
            return not any_of(self.fabric, asked.is_set())  # also during the last evaluation

    def _due(self) -> bool:
        """Whether an evaluation is due."""
        due = self.done % self.recipe.evaluate_every == 0 or self.done == self.recipe.steps
        return self.done > 0 and due

    def _judged(self) -> set[int]:
        """The steps after which the net was evaluated."""
        return {entry["step"] for entry in self.history}

    def _next(self) -> list[Batch]:
        """The batches of the next step. If one process cannot read its batch, all stop after a checkpoint."""
        parts, fault = [], None
        try:
            parts = next(self.stream)
        except PixelwiseError as error:
            fault = error
        if any_of(self.fabric, fault is not None):
            self._save()
            raise next(filter(None, gathered(self.fabric, fault)))
        return parts

    def _learn(self, parts: list[Batch]) -> float:
        try:
            loss = self.learner.step(self.done, parts)
        except NotFiniteError as error:
            place = save_evidence(self.run, self.done + 1, self.fabric.global_rank, parts, self.classes)
            raise TrainingError(
                f"{error.message}; the crops of this step are in {place}",
                self._calmer(),
            ) from None
        self.done += 1
        return loss

    def _evaluate(self, monitor: Monitor | None) -> None:
        self._save()  # a picture may be damaged, and no run has a best net alone
        figures = self.judge(self.learner.mean.tensors)
        self.history.append({"step": self.done, **figures})
        if monitor is not None:
            monitor.evaluated(self.done, figures, self.judge.overlays())
        if stopping.is_best(self.history):
            best = self._checkpoint(net={}, mean=self.learner.mean.tensors, optimizer={})
            self._write(best, checkpoint.BEST)
        self._call(self.callbacks.on_evaluation, figures)

    def _call(self, callback: Callable[..., None] | None, *values: Any) -> None:
        if callback is None or not self.fabric.is_global_zero:
            return
        try:
            callback(self.done, *values)
        except BaseException:
            self._save()  # the steps done must not be lost to a tracker that cannot be reached
            raise

    def _save(self) -> None:
        self._write(self._checkpoint(**self.learner.state()), checkpoint.LAST)
        self.saved = time.monotonic()

    def _checkpoint(self, **state: Any) -> checkpoint.Checkpoint:
        several = len(self.classes) > 1
        return checkpoint.Checkpoint(
            step=self.done,
            recipe=dataclasses.asdict(self.recipe),
            classes=checkpoint.classes_as_data(next(iter(self.classes.values()))),
            heads={name: checkpoint.classes_as_data(own) for name, own in self.classes.items()}
            if several
            else {},
            seconds=self.seconds_before + time.monotonic() - self.began,
            history=self.history,
            images_per_step=self.images_per_step,
            channels=self.channels,
            numbers="" if self.bands is None else self.bands.numbers,
            learnt_from=self.learnt_from,
            **state,
        )

    def _write(self, state: checkpoint.Checkpoint, name: str) -> None:
        """Write a checkpoint on rank 0, unless weights are NaN or infinite."""
        if not self.fabric.is_global_zero:
            return
        if not all(tensor.isfinite().all() for tensor in state.mean.values()):
            raise TrainingError(
                f"the weights after step {self.done} are not all finite numbers",
                self._calmer(),
            )
        checkpoint.save(state, self.run / name)

    def _calmer(self) -> str:
        """The hint for a run that diverged."""
        kept = checkpoint.chosen(self.run)
        start = f", from {kept} if you like: --set init_from={self.run}" if kept.exists() else ""
        return f"start another run with lower learning rates, or with clip=1{start}"

    @contextmanager
    def _monitor(self) -> Iterator[Monitor | None]:
        if not self.fabric.is_global_zero:
            yield None
            return
        monitor = Monitor(self.run, self.done, self.recipe.steps, self.images_per_step, self._judged())
        with closing(monitor):
            yield monitor

    @contextmanager
    def _rescue(self) -> Iterator[None]:
        """Save a checkpoint if another process is lost."""
        try:
            with naming_lost():
                yield
        except LostProcessError:
            self._save()
            raise


def _learnt_from(recipe: Recipe, train_set: LabelledImages, state: checkpoint.Checkpoint | None) -> str:
    """Fingerprints of the training pictures, and of those that the initial weights were learnt from. A note
    says if a resumed run gets other pictures.
    """
    before = "" if state is None else state.learnt_from
    if state is None and recipe.init_from is not None:
        before = start_of(recipe.init_from).learnt_from
    known, pictures = unpacked(before), fingerprints_of(train_set)
    if state is not None and known and (new := sum(known.isdisjoint(picture) for picture in pictures)):
        note(
            f"note: {new} of {counted(len(pictures), 'training picture')} are new or have changed since this "
            "run was started; it goes on with them"
        )
    return packed(known.union(*pictures))


@contextmanager
def determinism(wanted: bool) -> Iterator[None]:
    """Switch torch's deterministic mode on while the block runs."""
    if not wanted:
        yield
        return
    before, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.backends.cudnn.benchmark = benchmark
