"""Train a net on labelled images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.workflows.data import Data, labelled_images

if TYPE_CHECKING:
    from pixelwise.data.sample import LabelledImages
    from pixelwise.training.recipe import Recipe
    from pixelwise.training.stages import Chain


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
        """The figures of the net with the best mean IoU. None if there was no evaluation."""
        return max(self.history, key=lambda figures: figures["mean_iou"], default=None)


def train(
    recipe: "str | Recipe | Chain" = "finetune",
    data: Data | None = None,
    val_data: Data | None = None,
    output: str | Path | None = None,
    *,
    class_names: Sequence[str] | None = None,
    resume: bool = False,
    **settings: object,
) -> TrainedRun:
    """Train by a recipe, after an audit of all labels. The run folder is `output`, default runs/RECIPE.

    recipe: a name or a recipe. data: KIND:PATH, a data set, or a sequence of (image, labels) arrays with
    `class_names`; default: the recipe's. val_data: validation data, default the val split of a KIND:PATH;
    needed with data sets and arrays. settings: fields of the recipe, such as steps=400. Raises TrainingError
    for settings that cannot work and runs that cannot start, DataError for faults in images and labels.
    """
    from pixelwise.data.checks.audit import audit
    from pixelwise.recipes import get_recipe
    from pixelwise.training.loop import train as fit
    from pixelwise.training.setup.run_start import with_also
    from pixelwise.training.stages import Chain, first_stage, train_chain

    chosen = get_recipe(recipe) if isinstance(recipe, str) else recipe
    given = {**settings, **{k: v for k, v in (("data", data), ("val_data", val_data)) if isinstance(v, str)}}
    if data is not None and not isinstance(data, str):
        given["data"] = _ARRAYS
    chosen = chosen.override([f"{field}={_as_text(value)}" for field, value in given.items()])
    first = first_stage(chosen)
    if data is not None and not isinstance(data, str) and val_data is None:
        raise ValueError("a data set or arrays as data need validation data: give val_data")
    train_set = with_also(first, _opened(first, data or first.data, first.train_split, class_names))
    val_set = _opened(first, val_data or first.val_data or first.data, first.val_split, class_names)
    for dataset in (train_set, val_set):
        audit(dataset).raise_errors()
    run = Path("runs", chosen.name) if output is None else Path(output)
    if isinstance(chosen, Chain):
        finished = train_chain(chosen, train_set, val_set, run, resume)
    else:
        finished = fit(chosen, train_set, val_set, run, resume)
    return TrainedRun(run, finished, _history(run))


_ARRAYS = "memory:arrays"
"""Stands in a run's record for data that did not come from files."""


def _opened(recipe: "Recipe", data: Data, split: str, class_names: Sequence[str] | None) -> "LabelledImages":
    from pixelwise.training.setup.run_start import seen

    images = seen(labelled_images(data, split, class_names), recipe)
    return images if recipe.classes is None else images.select(recipe.classes)


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _history(run: Path) -> tuple[Mapping[str, Any], ...]:
    from pixelwise.training import checkpoint

    return tuple(checkpoint.load(checkpoint.chosen(run).parent / checkpoint.LAST).history)
