"""How a run starts: in a folder of its own, or where it stopped; what it takes from the data."""

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
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.data.checks.audit import audit
from pixelwise.data.mixing import mixed
from pixelwise.training import checkpoint
from pixelwise.training.distributed import processes
from pixelwise.training.losses.balancing import balancing_weights
from pixelwise.training.recipe import Recipe
from pixelwise.training.sampling.batches import share_of_step
from pixelwise.training.setup.auto_precision import precision
from pixelwise.training.stopping import learns_no_more

_FREE = {"workers", "checkpoint_minutes", "data", "val_data", "also", "backbone_weights", "init_from"} | {
    "batch_size",
    "accumulate",
    "steps",
}
"""Fields that may change on the way. Of batch_size and accumulate the product, with the number of processes,
counts; steps may grow.
"""


def begin(recipe: Recipe, train_set: LabelledImages, run: Path, resume: bool) -> checkpoint.Checkpoint | None:
    """The state to go on from with `resume`, else None. Raises TrainingError if the folder holds a run that
    should not be overwritten, none to go on with, or one with other settings or classes.
    """
    if not resume:
        new_folder(run)
        return None
    state = begun(recipe, run)
    names = [class_map.classes.names for class_map in train_set.heads.values()]
    heads = state.heads or {"": state.classes}
    if (before := [checkpoint.classes_from(own).names for own in heads.values()]) != names:
        raise TrainingError(
            f"the run in {run} learns {_listed(before)}, but the data now has {_listed(names)}",
            "resume with the data the run was started with",
        )
    return state


def settled(recipe: Recipe, resumed: Path | None = None) -> Recipe:
    """The recipe as it is run: what the start of the trunk decides, and the precision, which the machine
    decides, or the run in the folder `resumed`.
    """
    if recipe.precision == "auto":
        chosen = precision(recipe) if resumed is None else str(begun(recipe, resumed).recipe["precision"])
        recipe = dataclasses.replace(recipe, precision=chosen)
    return fitted(recipe)


def fitted(recipe: Recipe) -> Recipe:
    """Random weights have no statistics that could stay and no stages worth keeping, so all is learnt."""
    if recipe.backbone_weights != "none" or recipe.init_from is not None:
        return recipe
    norm = "train" if recipe.net == "skip_fcn" and recipe.batch_norm == "frozen" else recipe.batch_norm
    return dataclasses.replace(recipe, batch_norm=norm, freeze_stages=0)


def changes(recipe: Recipe) -> str | None:
    """What `fitted` changes because the trunk begins with random weights, for the user; None for nothing."""
    now = fitted(recipe)
    found = [
        f"{name}={getattr(now, name)} (not {getattr(recipe, name)})"
        for name in ("batch_norm", "freeze_stages")
        if getattr(now, name) != getattr(recipe, name)
    ]
    if not found:
        return None
    return f"the trunk begins with random weights (backbone_weights=none), so {' and '.join(found)}"


def begun(recipe: Recipe, run: Path) -> checkpoint.Checkpoint:
    """The state of the run in a folder. Raises TrainingError if it has none or was started with settings
    that forbid to go on with these.
    """
    state = checkpoint.load(run / checkpoint.LAST)
    expect_writable(run, "run folder", "have its permissions changed, or copy it", TrainingError)
    if recipe.precision == "auto":
        recipe = dataclasses.replace(recipe, precision=str(state.recipe["precision"]))
    if changed := _differences(fitted(recipe), state):
        raise TrainingError(
            f"the run in {run} was started with other settings: {', '.join(changed)}",
            "resume with the same recipe and settings, or start a new run",
        )
    return state


def new_folder(run: Path) -> None:
    """Make the run folder. Raises TrainingError if it holds a run or cannot be written into."""
    if any((run / name).exists() for name in (checkpoint.LAST, checkpoint.BEST, checkpoint.CHAIN)):
        raise TrainingError(f"{run} already holds a run", "go on with --resume, or choose another --output")
    make_folder(run, "run folder", "--output", TrainingError)


@contextmanager
def occupied(run: Path) -> Iterator[None]:
    """Keep other trainings out of the run folder, until this process has ended however it may. Raises
    TrainingError if one is at work in it, perhaps the orphan of a command that was killed.
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
            f"cannot open {run / 'lock'}: {problem.strerror or problem}",
            "move it away, or take another --output",
        ) from None
    with os.fdopen(descriptor, "w") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not handed on to workers
        except OSError as problem:
            if problem.errno in (errno.EACCES, errno.EAGAIN):  # others: a file system without locks
                raise TrainingError(
                    f"another process is training in {run}", "wait for it, end it, or choose another --output"
                ) from None
        yield


def _listed(heads: Sequence[Sequence[str]]) -> str:
    return " and ".join(", ".join(names) for names in heads)


def _differences(now: Recipe, state: checkpoint.Checkpoint) -> list[str]:
    """What differs from the run before, but for what does not change what is learnt."""
    then = Recipe.from_dict(state.recipe)
    found = [
        f"{field.name} was {getattr(then, field.name)}, is now {getattr(now, field.name)}"
        for field in dataclasses.fields(Recipe)
        if field.name not in _FREE and getattr(now, field.name) != getattr(then, field.name)
    ]
    if now.steps < then.steps:
        found.append(f"steps was {then.steps}, is now {now.steps}, and a run may be made longer only")
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
    """Whether nothing is left to learn, nor to judge, after `done` steps."""
    judged = bool(history) and history[-1]["step"] == done
    return judged and (done == recipe.steps or learns_no_more(history, recipe.patience))


def opened(recipe: Recipe, data: str, split: str) -> LabelledImages:
    """The split of the data KIND:PATH as the recipe learns it: its heads, its classes of the main one, and
    the channels that the net sees.
    """
    images = seen(open_dataset(data, split), recipe)
    return images if recipe.classes is None else images.select(recipe.classes)


def with_also(recipe: Recipe, images: LabelledImages) -> LabelledImages:
    """The images to learn from, and those of the recipe's `also`."""
    if recipe.also is None:
        return images
    return mixed(images, open_dataset(recipe.also, recipe.train_split), recipe.also_classes)


def expect_same_classes(train_set: LabelledImages, val_set: LabelledImages) -> None:
    """Raise TrainingError unless what is judged has the classes that are learnt, in their order."""
    learnt, judged = (
        [class_map.classes.names for class_map in images.heads.values()] for images in (train_set, val_set)
    )
    if learnt != judged:
        raise TrainingError(
            f"{train_set.name} has the classes {_listed(learnt)}, but {val_set.name} {_listed(judged)}",
            "name those to take of both, in order: --set classes=NAME,NAME",
        )


def seen(images: LabelledImages, recipe: Recipe) -> LabelledImages:
    """With the heads that the recipe learns, the main one unless it names others, and the channels that the
    net sees.
    """
    heads = recipe.heads or [next(iter(images.heads))]
    return images.with_heads(*heads).with_inputs(*recipe.inputs)


def channels_of(images: LabelledImages, recipe: Recipe) -> int:
    """How many the net sees of a picture."""
    return int(images.read(0).stacked(recipe.inputs).shape[2])


def class_weights(recipe: Recipe, train_set: LabelledImages) -> dict[str, torch.Tensor]:
    """The classes' weights by head, if the recipe balances them."""
    if not recipe.balance_classes:
        return {}
    weights = partial(balancing_weights, power=recipe.balance_classes)
    return {name: weights(count.pixels) for name, count in audit(train_set).heads.items()}
