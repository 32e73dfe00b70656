"""Choose the samples of each step, as a pure function of the seed, so that a run can resume at any step."""

import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from pixelwise.core.errors import DataError, TrainingError
from pixelwise.core.types import IMAGE
from pixelwise.data import LabelledImages
from pixelwise.data.transforms import Augmentation, augment
from pixelwise.training.losses.cell_sampling import LossSampling
from pixelwise.training.recipe import Recipe
from pixelwise.training.sampling.rare_classes import (
    Factors,
    Paste,
    classes_shown,
    epoch_length,
    order,
    picture_factors,
)


@dataclass(frozen=True)
class Plan:
    """The steps from `start` to `stop`. Each has `of` batches of `batch_size` samples; this process takes the
    batches with the numbers `parts`.
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
    `ids` of the N samples, `labelled` (N, C) bool, which classes of the main head each one's labels know.
    `present` (N, C) bool, which classes of the main head the whole picture shows.
    """

    images: torch.Tensor
    heads: Mapping[str, torch.Tensor]
    ids: tuple[str, ...]
    labelled: torch.Tensor
    present: torch.Tensor


@dataclass(frozen=True)
class Fault:
    """A DataError that a worker process returns; torch would wrap an exception in a traceback."""

    message: str
    hint: str | None


class StepSampler(Sampler[list[tuple[int, int, int]]]):
    """The samples of each batch of a plan: (epoch, index, repeat), where `repeat` counts how often the epoch
    has shown the picture before.

    `factors` (N) says how often each picture comes in an epoch. The order is shuffled in every epoch; a batch
    may contain the end of one epoch and the start of the next.
    """

    def __init__(self, factors: Factors, plan: Plan) -> None:
        self.factors, self.plan = factors, plan

    def __len__(self) -> int:
        return (self.plan.stop - self.plan.start) * len(self.plan.parts)

    def __iter__(self) -> Iterator[list[tuple[int, int, int]]]:
        plan, length = self.plan, epoch_length(self.factors)
        samples: list[tuple[int, int]] = []
        epoch_of_samples = -1
        # itertools.product would first list all steps.
        for step, part in ((step, part) for step in range(plan.start, plan.stop) for part in plan.parts):
            first = (step * plan.of + part) * plan.batch_size
            batch = []
            for position in range(first, first + plan.batch_size):
                epoch, place = divmod(position, length)
                if epoch != epoch_of_samples:
                    samples = _numbered(order(self.factors, plan.seed, epoch).tolist())
                    epoch_of_samples = epoch
                batch.append((epoch, *samples[place]))
            yield batch


def _numbered(indices: Sequence[int]) -> list[tuple[int, int]]:
    """Each index with how often it came before."""
    seen: Counter[int] = Counter()
    numbered = []
    for index in indices:
        numbered.append((index, seen[index]))
        seen[index] += 1
    return numbered


class AugmentedImages(Dataset[Batch | Fault]):
    """Augmented samples, as batches of one, by (epoch, index, repeat). The augmentation depends only on these
    and the seed.
    """

    def __init__(
        self,
        images: LabelledImages,
        settings: Augmentation,
        seed: int,
        inputs: Sequence[str] = (IMAGE,),
        paste: Paste | None = None,
        image_labels: bool = False,
    ) -> None:
        """image_labels: of the labels only `present` comes through; a crop's are 0, and VOID outside the
        picture.
        """
        self.images, self.settings, self.seed, self.inputs = images, settings, seed, inputs
        self.paste, self.image_labels = paste, image_labels

    def __getitem__(self, key: tuple[int, int, int]) -> Batch | Fault:
        index = key[1]
        rng = np.random.default_rng([self.seed, *key])
        try:
            sample = self.images.read(index)
            present = np.isin(np.arange(len(self.images.classes)), sample.labels)
            if self.image_labels:
                nothing = {name: np.zeros_like(labels) for name, labels in sample.heads.items()}
                sample = replace(sample, heads=nothing)
            crop = augment(sample, self.settings, rng)
            if self.paste is not None:
                crop = self.paste(crop, self.images, self.settings, rng)
        except DataError as error:
            return Fault(error.message, error.hint)
        seen = [crop.image if name == IMAGE else crop.channels[name] for name in self.inputs]
        if any(part.dtype != torch.uint8 for part in seen):
            seen = [part.float() for part in seen]
        heads = {name: labels[None] for name, labels in crop.heads.items()}
        shown = torch.from_numpy(present)[None]
        return Batch(torch.cat(seen)[None], heads, (sample.id,), self._labelled(index), shown)

    def _labelled(self, index: int) -> torch.Tensor:
        """(1, C)."""
        own, count = self.images.entries[index].labelled, len(self.images.classes)
        return torch.tensor([[own is None or class_ in own for class_ in range(count)]])


def augmentation(recipe: Recipe) -> Augmentation:
    """The recipe's augmentation."""
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
    """The batches of a recipe's steps, starting with step `start`, for the process of this rank."""
    size, parts = share_of_step(recipe)
    own = range(rank * parts, (rank + 1) * parts)
    plan = Plan(size, recipe.seed, start, recipe.steps, own, parts * processes)
    factors, paste = None, None
    if recipe.repeat_rare:
        shown = classes_shown(images)
        factors = picture_factors(shown, recipe.repeat_rare)
        paste = Paste.of(shown, recipe.repeat_rare, recipe.paste_rare) if recipe.paste_rare else None
    weak = recipe.image_labels is not None
    return batches(images, augmentation(recipe), plan, recipe.workers, recipe.inputs, factors, paste, weak)


def share_of_step(recipe: Recipe) -> tuple[int, int]:
    """Images per batch, and batches per process and step. Sampling the loss makes batches larger, or, with
    whole pictures of different sizes, gives more batches.
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
    factors: Factors | None = None,
    paste: Paste | None = None,
    image_labels: bool = False,
) -> Iterator[list[Batch]]:
    """The batches of each step that are this process's, as `plan` says; `inputs` are laid side by side.
    `factors` (N): how often each picture comes in an epoch, once by default.

    Raises DataError, naming the file, if one is gone or broken when its turn comes, and TrainingError if a
    worker process dies.
    """
    loader: DataLoader[Batch | Fault] = DataLoader(
        AugmentedImages(images, settings, plan.seed, inputs, paste, image_labels),
        batch_sampler=StepSampler(np.ones(len(images)) if factors is None else factors, plan),
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_worker if workers else None,
        prefetch_factor=4 if workers else None,
        # The loader draws a base seed for workers that we do not use; with its own generator torch's state
        # stays unchanged.
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
            "it may have run out of memory: lower workers, batch_size or crop, and continue with --resume",
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
        torch.cat([sample.labelled for sample in fine]),
        torch.cat([sample.present for sample in fine]),
    )


def _worker(_: int) -> None:
    """Use one thread, and leave signals to the whole process group (Ctrl-C) to the training process."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
