"""Start a run in a new folder, or resume it; select heads, classes and channels of the data."""

import dataclasses
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from pixelwise.core.errors import TrainingError
from pixelwise.core.files import expect_writable, make_folder
from pixelwise.core.pictures.bands import BandForm
from pixelwise.core.precision import plain
from pixelwise.core.terminal import reason_of
from pixelwise.core.types import BANDS
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.data.checks.audit import audit
from pixelwise.data.mixing import mixed
from pixelwise.models.registry import entry_of
from pixelwise.training import checkpoint
from pixelwise.training.distributed import processes
from pixelwise.training.losses.balancing import balancing_weights
from pixelwise.training.losses.registry import of_batches
from pixelwise.training.recipe import Recipe
from pixelwise.training.sampling.batches import share_of_step
from pixelwise.training.setup.auto_precision import precision
from pixelwise.training.setup.band_statistics import BandStatistics
from pixelwise.training.stopping import learns_no_more

_FREE = {"workers", "checkpoint_minutes", "data", "val_data", "also", "backbone_weights", "init_from"} | {
    "batch_size",
    "accumulate",
    "steps",
    "patience",
}
"""Fields that may change on the way. Of batch_size and accumulate the product, with the number of processes,
counts; steps may grow.
"""


def begin(recipe: Recipe, train_set: LabelledImages, run: Path, resume: bool) -> checkpoint.Checkpoint | None:
    """The state to resume from, or None without `resume`. Raises TrainingError if the folder holds a run that
    must not be overwritten, no run to resume, or one with other settings, classes
    or bands.
    """
    if not resume:
        new_folder(run)
        return None
    state = begun(recipe, run)
    names = [class_map.classes.names for class_map in train_set.heads.values()]
    heads = state.heads or {"": state.classes}
    if (before := [checkpoint.classes_from(own).names for own in heads.values()]) != names:
        raise TrainingError(
            f"the run in {run} has the classes {_listed(before)}, but the data now has {_listed(names)}",
            "resume with the data the run was started with",
        )
    if (now := bands_of(train_set, recipe)) is not None and now != BandForm(state.channels, state.numbers):
        raise TrainingError(
            f"the run in {run} takes {BandForm(state.channels, state.numbers)}, but the data now has {now}",
            "resume with the data the run was started with",
        )
    return state


def settled(recipe: Recipe, resumed: Path | None = None) -> Recipe:
    """The recipe with the settings that depend on the backbone's initial weights, and with the precision that
    depends on the machine, or on the run in the folder `resumed`.
    """
    if recipe.precision == "auto":
        chosen = (
            precision(recipe) if resumed is None else plain(str(begun(recipe, resumed).recipe["precision"]))
        )
        recipe = dataclasses.replace(recipe, precision=chosen)
    return fitted(recipe)


def fitted(recipe: Recipe) -> Recipe:
    """With random weights the whole net is trained: there are no statistics and no stages to keep."""
    if recipe.backbone_weights != "none" or recipe.init_from is not None:
        return recipe
    norm = "train" if recipe.net == "skip_fcn" and recipe.batch_norm == "frozen" else recipe.batch_norm
    return dataclasses.replace(recipe, batch_norm=norm, freeze_stages=0)


def changes(recipe: Recipe) -> str | None:
    """A note on the changes that `fitted` makes for a backbone with random weights; None without changes."""
    now = fitted(recipe)
    found = [
        f"{name}={getattr(now, name)} (not {getattr(recipe, name)})"
        for name in ("batch_norm", "freeze_stages")
        if getattr(now, name) != getattr(recipe, name)
    ]
    if not found:
        return None
    return f"the backbone starts with random weights (backbone_weights=none), so {' and '.join(found)}"


def judged_by_batch(recipe: Recipe) -> str | None:
    """A note if a step has several batches, and a loss that judges each of them by itself, or batch
    normalisation with statistics of each.
    """
    own = share_of_step(recipe)[1]
    batches = own * processes.count()
    found = []
    if batches > 1 and (names := of_batches(recipe.losses)):
        found.append(
            f"{' and '.join(names)} judge each of a step's {batches} batches by itself; the step's loss is "
            "their mean, not the loss of one large batch"
        )
    norm = fitted(recipe).batch_norm if "batch_norm" in entry_of(recipe.net).settings else "frozen"
    parts = {"frozen": 1, "train": batches, "sync": own}[norm]
    if parts > 1:
        found.append(
            f"batch_norm={norm} takes statistics of each of a step's {parts} batches by itself, not those of "
            "one large batch"
        )
    return "; ".join(found) or None


def begun(recipe: Recipe, run: Path) -> checkpoint.Checkpoint:
    """The state of the run in a folder. Raises TrainingError if there is none, or if its settings do not
    allow to resume with these.
    """
    state = checkpoint.load(run / checkpoint.LAST)
    expect_writable(run, "run folder", "change its permissions, or copy it", TrainingError)
    if recipe.precision == "auto":
        recipe = dataclasses.replace(recipe, precision=plain(str(state.recipe["precision"])))
    if changed := _differences(fitted(recipe), state):
        raise TrainingError(
            f"the run in {run} was started with other settings: {', '.join(changed)}",
            "resume with the same recipe and settings, and with --devices, batch_size and accumulate that "
            "give the same number of images per step, or start a new run",
        )
    return state


def new_folder(run: Path) -> None:
    """Create the run folder. Raises TrainingError if it holds a run or is not writable."""
    if any((run / name).exists() for name in (checkpoint.LAST, checkpoint.BEST, checkpoint.CHAIN)):
        raise TrainingError(
            f"{run} already holds a run", "continue with --resume, or choose another --output"
        )
    make_folder(run, "run folder", "--output", TrainingError)


@contextmanager
def occupied(run: Path) -> Iterator[None]:
    """Lock the run folder until this process ends. Raises TrainingError if another training is using it,
    perhaps an orphan process of a killed command.
    """
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows
        yield
        return
    try:  # neither waits for the reader of a pipe nor writes through a link
        descriptor = os.open(run / "lock", os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW, 0o666)
    except OSError as problem:
        raise TrainingError(
            f"cannot open {run / 'lock'}: {reason_of(problem)}",
            "move it away, or choose another --output",
        ) from None
    with os.fdopen(descriptor, "w") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # workers do not inherit it
        except OSError as problem:
            if problem.errno in (errno.EACCES, errno.EAGAIN):  # others: a file system without locks
                raise TrainingError(
                    f"another process is training in {run}", "wait for it, end it, or choose another --output"
                ) from None
        yield


def _listed(heads: Sequence[Sequence[str]]) -> str:
    return " and ".join(", ".join(names) for names in heads)


def _differences(now: Recipe, state: checkpoint.Checkpoint) -> list[str]:
    """The settings that differ from the run's and would change its result."""
    then = Recipe.from_dict(state.recipe)
    found = [
        f"{field.name} was {getattr(then, field.name)}, is now {getattr(now, field.name)}"
        for field in dataclasses.fields(Recipe)
        if field.name not in _FREE and getattr(now, field.name) != getattr(then, field.name)
    ]
    if now.steps < then.steps:
        found.append(f"steps was {then.steps}, is now {now.steps}, but a run can only be made longer")
    images = images_per_step(now)
    before = state.images_per_step or images_per_step(then, 1)
    if images != before:
        found.append(f"a step had {before} images (batch_size x accumulate x processes), has now {images}")
    return found


def images_per_step(recipe: Recipe, world: int | None = None) -> int:
    """Of all processes."""
    size, parts = share_of_step(recipe)
    return size * parts * (processes.count() if world is None else world)


def is_finished(recipe: Recipe, done: int, history: Sequence[Mapping[str, Any]]) -> bool:
    """Whether neither training nor evaluation is left after `done` steps."""
    judged = bool(history) and history[-1]["step"] == done
    return judged and (done == recipe.steps or learns_no_more(history, recipe.patience))


def opened(recipe: Recipe, data: str, split: str) -> LabelledImages:
    """The split of the data KIND:PATH with the recipe's heads, the recipe's classes of the main head, and the
    net's channels.
    """
    images = seen(open_dataset(data, split), recipe)
    return images if recipe.classes is None else images.select(recipe.classes)


def with_also(recipe: Recipe, images: LabelledImages) -> LabelledImages:
    """The training images together with those of the recipe's `also`."""
    if recipe.also is None:
        return images
    return mixed(images, open_dataset(recipe.also, recipe.train_split), recipe.also_classes)


def expect_several_classes(images: LabelledImages) -> None:
    """Raise TrainingError if a head has a single class, which every pixel would get."""
    for class_map in images.heads.values():
        if len(class_map.classes) < 2:
            raise TrainingError(
                f"{images.name} has one class, {class_map.classes.names[0]}, which every pixel would get",
                "name what else there is too, as in --set classes=background,cat",
            )


def expect_same_classes(train_set: LabelledImages, val_set: LabelledImages) -> None:
    """Raise TrainingError unless training and validation data have the same classes in the same order."""
    learnt, judged = (
        [class_map.classes.names for class_map in images.heads.values()] for images in (train_set, val_set)
    )
    if learnt != judged:
        raise TrainingError(
            f"{train_set.name} has the classes {_listed(learnt)}, but {val_set.name} {_listed(judged)}",
            "name the classes to use of both, in order: --set classes=NAME,NAME",
        )


def seen(images: LabelledImages, recipe: Recipe) -> LabelledImages:
    """The data with the recipe's heads, by default the main one, and the net's channels."""
    heads = recipe.heads or [next(iter(images.heads))]
    return images.with_heads(*heads).with_inputs(*recipe.inputs)


def channels_of(images: LabelledImages, recipe: Recipe) -> int:
    """The number of the net's input channels."""
    return int(images.read(0).stacked(recipe.inputs).shape[2])


def bands_of(images: LabelledImages, recipe: Recipe) -> BandForm | None:
    """The form of the pictures' bands; None if the net takes something else."""
    return BandForm.of(images.read(0).channels[BANDS]) if BANDS in recipe.inputs else None


def statistics_of(images: LabelledImages, recipe: Recipe) -> BandStatistics | None:
    """Those of the pictures' bands; None if the net takes something else."""
    return BandStatistics.of(images) if BANDS in recipe.inputs else None


def expect_same_bands(train_set: LabelledImages, val_set: LabelledImages, recipe: Recipe) -> None:
    """Raise TrainingError unless training and validation pictures have the same bands."""
    learnt, judged = bands_of(train_set, recipe), bands_of(val_set, recipe)
    if learnt != judged:
        raise TrainingError(
            f"{train_set.name} has {learnt}, but {val_set.name} {judged}",
            "judge by pictures of the same kind",
        )


def class_weights(recipe: Recipe, train_set: LabelledImages) -> dict[str, torch.Tensor]:
    """The classes' weights by head, if the recipe balances them."""
    if not recipe.balance_classes:
        return {}
    weights = partial(balancing_weights, power=recipe.balance_classes)
    return {name: weights(count.pixels) for name, count in audit(train_set).heads.items()}
