"""Oversample rare classes: repeat the pictures that show them, and paste their objects into other pictures.

Sources: Gupta et al. 2019 (LVIS), section 5.1, "repeat factor sampling"; Ghiasi et al. 2021, "Simple
Copy-Paste", with masks of classes instead of instances.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from pixelwise.core.types import VOID
from pixelwise.data import LabelledImages
from pixelwise.data.sample import Sample
from pixelwise.data.transforms import Augmentation, Crop, augment

Factors = npt.NDArray[np.float64]
Shown = npt.NDArray[np.bool_]


def classes_shown(images: LabelledImages) -> Shown:
    """(N, C): which classes of the main head each picture shows. Reads all labels."""
    head, count = next(iter(images.heads)), len(images.classes)
    shown = np.zeros((len(images), count), bool)
    for index in range(len(images)):
        ids = np.unique(images.read_labels(index)[head])
        shown[index, ids[ids < count]] = True
    return shown


def class_factors(shown: Shown, threshold: float) -> Factors:
    """(C): how often a class is repeated, max(1, sqrt(threshold / f)), f being the share of pictures that
    show it. 1 for a class that no picture shows.
    """
    share = shown.mean(0)
    factors: Factors = np.sqrt(np.maximum(1.0, threshold / np.where(share > 0, share, np.inf)))
    return factors


def picture_factors(shown: Shown, threshold: float) -> Factors:
    """(N): how often a picture comes in an epoch on average: the factor of its rarest class, at least 1."""
    factors: Factors = np.where(shown, class_factors(shown, threshold), 1.0).max(1)
    return factors


@dataclass(frozen=True)
class Paste:
    """Objects of rare classes are pasted into a share of the samples.

    `pictures` by class holds the indices of pictures that show it; `odds` (C) is how often each is chosen.
    """

    share: float
    pictures: tuple[npt.NDArray[np.int64], ...]
    odds: Factors

    @classmethod
    def of(cls, shown: Shown, threshold: float, share: float) -> "Paste":
        """Classes are chosen in proportion to how far their repeat factor exceeds 1."""
        excess = class_factors(shown, threshold) - 1.0
        total = excess.sum()
        pictures = tuple(np.flatnonzero(column) for column in shown.T)
        return cls(share if total > 0 else 0.0, pictures, excess / (total or 1.0))

    def __call__(
        self, crop: Crop, images: LabelledImages, settings: Augmentation, rng: np.random.Generator
    ) -> Crop:
        """The augmented crop, in some samples with all pixels of one class of another picture pasted over it.
        Raises DataError as `LabelledImages.read` does.
        """
        if rng.random() >= self.share:
            return crop
        class_id = int(rng.choice(len(self.odds), p=self.odds))
        source = images.read(int(rng.choice(self.pictures[class_id])))
        pasted = _augmented_cut(source, class_id, settings, rng)
        head = next(iter(crop.heads))
        mask = pasted.labels == class_id
        return replace(
            crop,
            image=torch.where(mask, pasted.image, crop.image),
            heads={head: torch.where(mask, pasted.labels, crop.heads[head])},
        )


def _augmented_cut(source: Sample, class_id: int, settings: Augmentation, rng: np.random.Generator) -> Crop:
    """The part of the sample that shows the class, resized as its whole picture would be."""
    cut = cut_out(source, class_id)
    reduction = min(1.0, settings.side / max(source.labels.shape))
    low, high = settings.scale
    own = replace(settings, side=max(cut.labels.shape), scale=(low * reduction, high * reduction))
    return augment(cut, own, rng)


def cut_out(sample: Sample, class_id: int) -> Sample:
    """The part of the sample that shows the class; every other label becomes VOID."""
    mask = sample.labels == class_id
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    labels = np.where(mask[window], np.uint8(class_id), np.uint8(VOID))
    head = next(iter(sample.heads))
    return Sample(sample.id, np.ascontiguousarray(sample.image[window]), {head: labels})


def order(factors: Factors, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """The pictures of an epoch: each comes floor or ceil of its factor times, by chance; every epoch has
    `epoch_length` of them. With factors of 1 it is a permutation.
    """
    rng = np.random.default_rng([seed, epoch])
    if (factors == 1).all():
        return rng.permutation(len(factors))
    length = epoch_length(factors)
    ends = np.cumsum(factors) * (length / factors.sum())
    ends[-1] = length
    counts = np.diff(np.floor(ends + rng.random()), prepend=0.0).astype(np.int64)
    return rng.permutation(np.repeat(np.arange(len(factors)), counts))


def epoch_length(factors: Factors) -> int:
    """Samples of an epoch."""
    return round(float(factors.sum()))
