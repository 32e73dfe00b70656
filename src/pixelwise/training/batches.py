"""Which samples come in which step: a pure function of the seed, so that a run can go on anywhere."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from pixelwise.data import LabelledImages
from pixelwise.data.transforms import Augmentation, augment
from pixelwise.errors import DataError
from pixelwise.training.recipe import Recipe

Batch = tuple[torch.Tensor, torch.Tensor]


class StepSampler(Sampler[list[tuple[int, int]]]):
    """The (epoch, index) pairs of each step from `start` to `stop`.

    The pictures are shuffled anew in every epoch; a batch may reach over the end of one into the next.
    """

    def __init__(self, samples: int, batch_size: int, seed: int, start: int, stop: int) -> None:
        self.samples, self.batch_size, self.seed, self.start, self.stop = (
            samples,
            batch_size,
            seed,
            start,
            stop,
        )

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order, epoch_of_order = np.empty(0, np.int64), -1
        for step in range(self.start, self.stop):
            batch = []
            for position in range(step * self.batch_size, (step + 1) * self.batch_size):
                epoch, place = divmod(position, self.samples)
                if epoch != epoch_of_order:
                    order = np.random.default_rng([self.seed, epoch]).permutation(self.samples)
                    epoch_of_order = epoch
                batch.append((epoch, int(order[place])))
            yield batch


@dataclass(frozen=True)
class Fault:
    """A DataError on its way out of a worker process; torch would wrap the exception in its traceback."""

    message: str
    hint: str | None


class AugmentedImages(Dataset[Batch | Fault]):
    """Augmented samples; the variation of a sample depends on seed, epoch and index only."""

    def __init__(self, images: LabelledImages, settings: Augmentation, seed: int) -> None:
        self.images, self.settings, self.seed = images, settings, seed

    def __getitem__(self, key: tuple[int, int]) -> Batch | Fault:
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        try:
            crop = augment(self.images.read(index), self.settings, rng)
        except DataError as error:
            return Fault(error.message, error.hint)
        return crop.image, crop.labels


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


def batches(
    images: LabelledImages,
    settings: Augmentation,
    batch_size: int,
    seed: int,
    start: int,
    stop: int,
    workers: int,
) -> Iterator[Batch]:
    """Batches (images (N, 3, crop, crop) uint8, labels (N, crop, crop) uint8) of the steps from `start` to
    `stop`.

    Raises DataError, naming the file, if one is gone or broken when its turn comes.
    """
    loader: DataLoader[Batch | Fault] = DataLoader(
        AugmentedImages(images, settings, seed),
        batch_sampler=StepSampler(len(images), batch_size, seed, start, stop),
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_worker if workers else None,
        prefetch_factor=4 if workers else None,
        # The loader draws a base seed for workers that we do not use; its own generator keeps torch's state
        # as it is.
        generator=torch.Generator().manual_seed(seed),
    )
    for batch in loader:
        if isinstance(batch, Fault):
            raise DataError(batch.message, batch.hint)
        yield batch


def _collate(samples: list[Batch | Fault]) -> Batch | Fault:
    """The samples as a batch, or the first fault among them."""
    fault = next((sample for sample in samples if isinstance(sample, Fault)), None)
    if fault is not None:
        return fault
    images, labels = default_collate(samples)
    return images, labels


def _worker(_: int) -> None:
    """One thread each; signals to the whole process group (Ctrl-C) are the training process's to answer."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
