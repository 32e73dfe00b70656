"""Which samples come in which step: a pure function of the seed, so that a run can go on anywhere."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from pixelwise.data import LabelledImages
from pixelwise.data.transforms import Augmentation, augment
from pixelwise.errors import DataError, TrainingError
from pixelwise.training.losses import LossSampling
from pixelwise.training.recipe import Recipe
from pixelwise.types import IMAGE


@dataclass(frozen=True)
class Plan:
    """The steps from `start` to `stop`. Each learns from `of` batches of `batch_size` samples, of which this
    process takes those with the numbers `parts`.
    """

    batch_size: int
    seed: int
    start: int
    stop: int
    parts: range = range(1)
    of: int = 1


@dataclass(frozen=True)
class Batch:
    """`images` (N, K, H, W), uint8 unless a channel is float32, `heads` (N, H, W) uint8 class ids by head,
    `ids` of the N samples.
    """

    images: torch.Tensor
    heads: Mapping[str, torch.Tensor]
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """A DataError on its way out of a worker process; torch would wrap the exception in its traceback."""

    message: str
    hint: str | None


class StepSampler(Sampler[list[tuple[int, int]]]):
    """The (epoch, index) pairs of each batch of a plan.

    The pictures are shuffled anew in every epoch; a batch may reach over the end of one into the next.
    """

    def __init__(self, samples: int, plan: Plan) -> None:
        self.samples, self.plan = samples, plan

    def __len__(self) -> int:
        return (self.plan.stop - self.plan.start) * len(self.plan.parts)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        plan = self.plan
        order, epoch_of_order = np.empty(0, np.int64), -1
        # itertools.product would first list all steps.
        for step, part in ((step, part) for step in range(plan.start, plan.stop) for part in plan.parts):
            first = (step * plan.of + part) * plan.batch_size
            batch = []
            for position in range(first, first + plan.batch_size):
                epoch, place = divmod(position, self.samples)
                if epoch != epoch_of_order:
                    order = np.random.default_rng([plan.seed, epoch]).permutation(self.samples)
                    epoch_of_order = epoch
                batch.append((epoch, int(order[place])))
            yield batch


class AugmentedImages(Dataset[Batch | Fault]):
    """Augmented samples, as batches of one; the variation of a sample depends on seed, epoch and index
    only.
    """

    def __init__(
        self,
        images: LabelledImages,
        settings: Augmentation,
        seed: int,
        inputs: Sequence[str] = (IMAGE,),
    ) -> None:
        self.images, self.settings, self.seed, self.inputs = images, settings, seed, inputs

    def __getitem__(self, key: tuple[int, int]) -> Batch | Fault:
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        try:
            sample = self.images.read(index)
        except DataError as error:
            return Fault(error.message, error.hint)
        crop = augment(sample, self.settings, rng)
        seen = [crop.image if name == IMAGE else crop.channels[name] for name in self.inputs]
        if any(part.dtype != torch.uint8 for part in seen):
            seen = [part.float() for part in seen]
        return Batch(
            torch.cat(seen)[None], {name: labels[None] for name, labels in crop.heads.items()}, (sample.id,)
        )


def augmentation(recipe: Recipe) -> Augmentation:
    """How the recipe varies samples."""
    return Augmentation(
        crop=recipe.crop,
        scale=recipe.scale,
        side=recipe.train_side,
        mirror=recipe.mirror,
        colour=recipe.colour,
        jitter=recipe.jitter,
    )


def steps_of(
    recipe: Recipe, images: LabelledImages, start: int = 0, rank: int = 0, processes: int = 1
) -> Iterator[list[Batch]]:
    """The batches of a recipe's steps from `start` on that are for the process of this rank."""
    size, parts = share_of_step(recipe)
    own = range(rank * parts, (rank + 1) * parts)
    plan = Plan(size, recipe.seed, start, recipe.steps, own, parts * processes)
    return batches(images, augmentation(recipe), plan, recipe.workers, recipe.inputs)


def share_of_step(recipe: Recipe) -> tuple[int, int]:
    """Images of a batch, and batches that a process learns from in a step. Sampling of the loss makes batches
    larger or, where pictures are whole and so of several sizes, more.
    """
    sampling = LossSampling(recipe.loss_sampling)
    if recipe.crop == 0:
        return recipe.batch_size, sampling.grown(recipe.accumulate)
    return sampling.grown(recipe.batch_size), recipe.accumulate


def batches(
    images: LabelledImages,
    settings: Augmentation,
    plan: Plan,
    workers: int,
    inputs: Sequence[str] = (IMAGE,),
) -> Iterator[list[Batch]]:
    """The batches of each step that are this process's, as `plan` says; `inputs` are laid side by side.

    Raises DataError, naming the file, if one is gone or broken when its turn comes, and TrainingError if a
    worker process dies.
    """
    loader: DataLoader[Batch | Fault] = DataLoader(
        AugmentedImages(images, settings, plan.seed, inputs),
        batch_sampler=StepSampler(len(images), plan),
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_worker if workers else None,
        prefetch_factor=4 if workers else None,
        # The loader draws a base seed for workers that we do not use; its own generator keeps torch's state
        # as it is.
        generator=torch.Generator().manual_seed(plan.seed),
    )
    step: list[Batch] = []
    try:
        for batch in loader:
            if isinstance(batch, Fault):
                raise DataError(batch.message, batch.hint)
            step.append(batch)
            if len(step) == len(plan.parts):
                yield step
                step = []
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(
            f"a process that prepares samples has died: {str(error).splitlines()[0]}",
            "it may have run out of memory: lower workers, batch_size or crop, and go on with --resume",
        ) from None


def _collate(samples: list[Batch | Fault]) -> Batch | Fault:
    """The samples as a batch, or the first fault among them."""
    fine: list[Batch] = []
    for sample in samples:
        if isinstance(sample, Fault):
            return sample
        fine.append(sample)
    return Batch(
        torch.cat([sample.images for sample in fine]),
        {name: torch.cat([sample.heads[name] for sample in fine]) for name in fine[0].heads},
        tuple(id_ for sample in fine for id_ in sample.ids),
    )


def _worker(_: int) -> None:
    """One thread each; signals to the whole process group (Ctrl-C) are the training process's to answer."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
