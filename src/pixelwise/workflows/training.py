"""Train a net on labelled images."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.core.errors import DataError, TrainingError, extras_named
from pixelwise.core.terminal import counted, note
from pixelwise.core.threads import spin_briefly
from pixelwise.data.spec import parse_spec
from pixelwise.workflows.data import Data, OnImage, counter, expect_arrays, labelled_images

if TYPE_CHECKING:
    from pixelwise.data.sample import LabelledImages
    from pixelwise.training.callbacks import OnEvaluation, OnStep
    from pixelwise.training.recipe import Recipe
    from pixelwise.training.stages import Chain

FEW = 10
"""With fewer pictures to judge by, figures depend on single ones."""

_MOST_WARNINGS = 3  # of a kind; a large data set may have thousands of objects below the size of a pixel


@dataclass(frozen=True)
class TrainedRun:
    """A run folder, which `load`, `evaluate` and `export` take.

    finished: False if a signal stopped the run; `train` with resume=True continues it. history: the figures
    of each evaluation on the val split, with their step.
    """

    path: Path
    finished: bool
    history: tuple[Mapping[str, Any], ...]

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The figures of the best net by mean IoU. None if none was judged."""
        judged = [figures for figures in self.history if not math.isnan(figures["mean_iou"])]
        return max(judged, key=lambda figures: figures["mean_iou"], default=None)


@dataclass(frozen=True)
class Training:
    """A training whose recipe has been checked and whose images have been read once: `run()` starts it."""

    recipe: "Recipe | Chain"
    train_set: "LabelledImages"
    val_set: "LabelledImages"
    path: Path
    resume: bool

    def run(self, on_step: "OnStep | None" = None, on_evaluation: "OnEvaluation | None" = None) -> TrainedRun:
        """Train to the end, or until a SIGINT or SIGTERM. Raises TrainingError if the run cannot start."""
        from pixelwise.training.callbacks import Callbacks
        from pixelwise.training.loop import train as fit
        from pixelwise.training.setup.random_numbers import random_numbers_kept
        from pixelwise.training.stages import Chain, train_chain

        callbacks = Callbacks(on_step, on_evaluation)
        sets = self.train_set, self.val_set
        with random_numbers_kept():
            if isinstance(self.recipe, Chain):
                finished = train_chain(self.recipe, *sets, self.path, self.resume, callbacks)
            else:
                finished = fit(self.recipe, *sets, self.path, self.resume, callbacks)
        return TrainedRun(self.path, finished, _history(self.path))


@extras_named()
def train(
    recipe: "str | Recipe | Chain" = "finetune",
    data: Data | None = None,
    val_data: Data | None = None,
    output: str | Path | None = None,
    *,
    class_names: Sequence[str] | None = None,
    resume: bool = False,
    on_step: "OnStep | None" = None,
    on_evaluation: "OnEvaluation | None" = None,
    **settings: object,
) -> TrainedRun:
    """Train by a recipe, after an audit of all labels. The run folder is `output`, default runs/RECIPE.

    recipe: a name or a recipe. data: KIND:PATH, a data set, or a sequence of (image, labels) arrays with
    `class_names`; default: the recipe's. val_data: to evaluate on, default the val split of a KIND:PATH;
    needed with data sets and arrays. resume: continue from the run's last checkpoint, with the recipe and
    settings of its start; more `steps` make it longer. on_step is called as on_step(step, loss, rate) after
    each step, on_evaluation as on_evaluation(step, figures) after each evaluation; a checkpoint is saved
    before an exception that they raise ends the run. settings: fields of the recipe, such as steps=400, or
    epochs=20. Raises TrainingError for settings that cannot work and runs that cannot start, DataError for
    faults of images and labels.
    """
    given = {**settings, **{k: v for k, v in (("data", data), ("val_data", val_data)) if isinstance(v, str)}}
    if data is not None and not isinstance(data, str):
        given["data"] = _ARRAYS
        if val_data is None:
            raise ValueError("with a data set or arrays as data, val_data must say what to judge by")
    texts = [f"{field}={_as_text(value)}" for field, value in given.items()]
    training = prepare(recipe, texts, output, data, val_data, class_names=class_names, resume=resume)
    return training.run(on_step, on_evaluation)


_ARRAYS = "memory:arrays"
"""Stands in a run's record for data that did not come from files."""


@extras_named()
def prepare(
    recipe: "str | Recipe | Chain",
    settings: Sequence[str] = (),
    output: str | Path | None = None,
    data: Data | None = None,
    val_data: Data | None = None,
    *,
    class_names: Sequence[str] | None = None,
    resume: bool = False,
    on_image: OnImage | None = None,
    on_warning: Callable[[str], None] = note,
) -> Training:
    """All of `train` that comes before the first step: the recipe with "field=value" settings, the images,
    and the audit of their labels. Splits of one data set that share a picture are refused.

    on_image is called with the name of a data set, the number of images audited and their total. on_warning
    gets what the audit finds suspicious, by default on stderr. Of several processes on a machine the first
    one audits.
    """
    spin_briefly()
    from pixelwise.data.checks.audit import SIDES, audit
    from pixelwise.data.checks.sample_check import by_kind
    from pixelwise.data.checks.shared_pictures import expect_no_shared_picture
    from pixelwise.recipes import get_recipe
    from pixelwise.training.distributed.launcher import is_first_here
    from pixelwise.training.setup.run_start import expect_several_classes, with_also
    from pixelwise.training.stages import first_stage

    chosen = get_recipe(recipe) if isinstance(recipe, str) else recipe
    run = Path("runs", chosen.name) if output is None else Path(output)
    if resume and isinstance(recipe, str):
        chosen = _begun(chosen, run)
    settings, epochs = _split_epochs(settings)
    chosen = chosen.override(settings)
    first = first_stage(chosen)
    source, judged = data or first.data, val_data or first.val_data or first.data
    expect_arrays(class_names, source, judged)
    own = _opened(first, source, first.train_split, class_names)
    expect_several_classes(own)
    train_set = with_also(first, own)
    val_set = _opened(first, judged, first.val_split, class_names)
    if epochs is not None:
        chosen = _of_epochs(chosen, epochs, len(train_set))
    if is_first_here() and _are_of_one(source, first.train_split, judged, first.val_split):
        try:
            expect_no_shared_picture(own, val_set)
        except DataError as problem:
            if not resume:  # a run that was begun may be finished
                raise
            on_warning(f"warning: {problem.message}")
    for dataset in (train_set, val_set) if is_first_here() else ():
        report = audit(dataset, counter(on_image, dataset.name, len(dataset)))
        report.raise_errors()
        for kind, members in by_kind(report.warnings).items():
            if kind == SIDES and (dataset is val_set or not first.mirror):
                continue  # only training mirrors pictures
            for warning in members[:_MOST_WARNINGS]:
                on_warning(f"warning: {dataset.name}: {warning.message}")
            if len(members) > _MOST_WARNINGS:
                many = len(members) - _MOST_WARNINGS
                on_warning(f"warning: {dataset.name}: {many:,} more of this kind, see `pixelwise check`")
    if is_first_here() and len(val_set) < FEW:
        on_warning(
            f"warning: {val_set.name}: only {counted(len(val_set), 'picture')} to judge by, so the "
            "choice of the best net and its figures are uncertain; label more, or put more of them into val/"
        )
    return Training(chosen, train_set, val_set, run, resume)


def _are_of_one(train_data: Data, train_split: str, val_data: Data, val_split: str) -> bool:
    """Whether these are two splits of one data set that `check` compares; others, such as trainval, may
    overlap.
    """
    if not isinstance(train_data, str) or not isinstance(val_data, str) or train_data != val_data:
        return False
    return train_split != val_split and {train_split, val_split} <= set(parse_spec(train_data)[0].splits)


def _begun(recipe: "Recipe | Chain", run: Path) -> "Recipe | Chain":
    """The recipe with the settings that the run was started with."""
    from pixelwise.training import checkpoint
    from pixelwise.training.recipe import Recipe
    from pixelwise.training.stages import Chain, read_chain

    found: Recipe | Chain
    if isinstance(recipe, Chain):
        found = read_chain(run)
    else:
        found = Recipe.from_dict(checkpoint.load(run / checkpoint.LAST).recipe)
    if found.name != recipe.name:
        raise TrainingError(f"{run} holds a run of {found.name}, not of {recipe.name}", "name that recipe")
    return found


def _split_epochs(settings: Sequence[str]) -> tuple[list[str], float | None]:
    """The settings that are fields of a recipe, and the epochs that "epochs=N" asks for."""
    fields = [setting for setting in settings if not setting.startswith("epochs=")]
    if len(fields) == len(settings):
        return fields, None
    text = next(setting for setting in reversed(settings) if setting.startswith("epochs=")).partition("=")[2]
    if any(setting.startswith("steps=") for setting in fields):
        raise TrainingError("epochs and steps both say how long to train", "set one of them")
    try:
        epochs = float(text)
    except ValueError:
        epochs = math.nan
    if not 0 < epochs <= 1_000_000:
        raise TrainingError(f"epochs must be a number above 0 and at most 1,000,000, got {text[:60]}")
    return fields, epochs


def _of_epochs(recipe: "Recipe | Chain", epochs: float, images: int) -> "Recipe | Chain":
    """With the steps in which as many pictures are seen as in these epochs, in every stage."""
    from pixelwise.training.setup.run_start import images_per_step
    from pixelwise.training.stages import Chain

    def longer(stage: "Recipe") -> "Recipe":
        return stage.override([f"steps={max(1, math.ceil(epochs * images / images_per_step(stage)))}"])

    if isinstance(recipe, Chain):
        return Chain(recipe.name, tuple(map(longer, recipe.stages)))
    return longer(recipe)


def _opened(recipe: "Recipe", data: Data, split: str, class_names: Sequence[str] | None) -> "LabelledImages":
    from pixelwise.data.sample import LabelledImages
    from pixelwise.training.setup.run_start import seen

    names = None if isinstance(data, str | LabelledImages) else class_names
    images = seen(labelled_images(data, split, names), recipe)
    return images if recipe.classes is None else images.select(recipe.classes)


def _as_text(value: object) -> str:
    if isinstance(value, tuple | list):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _history(run: Path) -> tuple[Mapping[str, Any], ...]:
    from pixelwise.training import checkpoint

    return tuple(checkpoint.load(checkpoint.chosen(run).parent / checkpoint.LAST).history)
