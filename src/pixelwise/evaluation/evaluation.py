"""Evaluate a predictor on a data set, with one confusion matrix over the whole split."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError, ModelError
from pixelwise.core.threads import in_order
from pixelwise.core.types import VOID, Labels
from pixelwise.data import LabelledImages, Sample
from pixelwise.data.spec import SOURCES
from pixelwise.evaluation import bootstrap
from pixelwise.evaluation.details import OF_LABELS, Details
from pixelwise.evaluation.mask_folder import MaskFolder
from pixelwise.evaluation.metrics import confusion
from pixelwise.evaluation.metrics.confusion import Counts
from pixelwise.evaluation.tally import Tally
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segmentation import Segmentation

FORMAT = 1

SUMMARY = {
    "pixel_accuracy": "pixel accuracy",
    "mean_accuracy": "mean accuracy",
    "mean_iou": "mean IoU",
    "frequency_weighted_iou": "frequency-weighted IoU",
}
"""The paper's four metrics: methods of Counts and keys of `Evaluation.to_dict`, with their common names."""


@dataclass(frozen=True)
class Evaluation:
    """The counts of a split, `tally` and `details`, in the model's `classes`. `void` names the data set's
    classes that became void. `in_training`: how many of the images the model learnt from; None if it does not
    know.
    """

    classes: Classes
    void: tuple[str, ...]
    tally: Tally
    details: Details
    in_training: int | None = None

    @property
    def images(self) -> int:
        """The number of images."""
        return len(self.tally.ids)

    @property
    def confusion(self) -> confusion.Confusion:
        """(C, C) confusion matrix over all images."""
        return self.tally.confusion

    def summary(self) -> dict[str, float]:
        """The paper's four metrics, in [0, 1]."""
        counts = Counts.of(self.confusion)
        return {name: float(getattr(counts, name)()) for name in SUMMARY}

    def merge(self, other: "Evaluation") -> None:
        """Add what another process has counted of other images, with the same classes and details."""
        if (self.classes, self.void) != (other.classes, other.void):
            raise ValueError(
                "cannot merge evaluations with different classes, or with different classes made void"
            )
        if self.details.names != other.details.names:
            raise ValueError(f"cannot merge details {other.details.names} into {self.details.names}")
        self.tally.merge(other.tally)
        self.details.merge(other.details)

    def intervals(self) -> dict[str, list[float | None]]:
        """Low and high end for each of the four metrics, by bootstrap over images."""
        resampled = bootstrap.resampled(self.tally.per_image())
        return {name: _pair(bootstrap.interval(getattr(resampled, name)())) for name in SUMMARY}

    def per_class(self) -> list[dict[str, Any]]:
        """For each class its id, name, figures in [0, 1] (None if undefined) and number of true pixels.

        `accuracy` is the paper's name for recall.
        """
        counts = Counts.of(self.confusion)
        figures = {
            "iou": counts.iou(),
            "accuracy": counts.recall(),
            "recall": counts.recall(),
            "precision": counts.precision(),
            "f1": counts.f1(),
        }
        intervals = bootstrap.intervals(bootstrap.resampled(self.tally.per_image()).iou())
        return [
            {
                "id": i,
                "name": name,
                **{key: confusion.number(values[i]) for key, values in figures.items()},
                "iou_interval": _pair(intervals[i]),
                "pixels": int(counts.truth[i]),
            }
            for i, name in enumerate(self.classes.names)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain data; `comparison.py` reads it again."""
        return {
            "format": FORMAT,
            "images": self.images,
            **{name: confusion.number(value) for name, value in self.summary().items()},
            "mean_iou_of_true_classes": confusion.number(confusion.mean_iou(self.confusion, absent="drop")),
            "intervals": self.intervals(),
            "per_class": self.per_class(),
            "convention": confusion.CONVENTION,
            "interval_convention": bootstrap.CONVENTION,
            "void": list(self.void),
            "in_training": self.in_training,
            **self.details.to_dict(),
            "confusion": self.confusion.tolist(),
            "per_image": self.tally.to_list(),
        }


def _pair(interval: bootstrap.Interval) -> list[float | None]:
    return [confusion.number(interval.low), confusion.number(interval.high)]


def match_classes(data: Classes, model: Classes) -> tuple[Labels, tuple[str, ...]]:
    """The (256,) table from the data's ids to the model's by name, and the names that become void.

    Raises DataError if they have no name in common.
    """
    table = np.full(256, VOID, np.uint8)
    void = []
    for id_, name in enumerate(data.names):
        if name in model.names:
            table[id_] = model.names.index(name)
        else:
            void.append(name)
    if len(void) == len(data):
        raise DataError(
            "data and model have no class in common: "
            f"{', '.join(data.names)} against {', '.join(model.names)}",
            "rename or merge the data's classes with --classes, as in cat=tabby+siamese",
        )
    return table, tuple(void)


Judged = Predictor | MaskFolder
"""What can be evaluated: a model, or masks that another program made."""


def evaluate(
    predictor: Judged,
    dataset: LabelledImages,
    progress: Callable[[int], None] | None = None,
    details: Collection[str] = (),
) -> Evaluation:
    """Segment every image as the predictor does and count; `progress` gets the number of images done.

    details: names from details.ALL to count besides the confusion matrix. Raises DataError with the reason if
    classes do not match, a file is broken, two images have the same id, or labels are masks of 0 and 255;
    ValueError for details that masks do not have.
    """
    expect_fit(predictor, dataset, details)
    return conclude(dataset, [count(predictor, dataset, progress, details)])


@dataclass(frozen=True)
class PartCounts:
    """What `count` found in a part of a data set. seen: (256,) which classes of the data the labels show."""

    evaluation: Evaluation
    seen: npt.NDArray[np.bool_]


def expect_fit(predictor: Judged, dataset: LabelledImages, details: Collection[str]) -> None:
    """Raise DataError if two images have the same id, ValueError for details that masks do not have."""
    if isinstance(predictor, MaskFolder) and (more := sorted({*details} - {*OF_LABELS})):
        raise ValueError(f"masks hold no probabilities, which {', '.join(more)} need")
    ids = set[str]()
    for entry in dataset.entries:
        if entry.id in ids:
            raise DataError(f'{dataset.name} names "{entry.id}" twice', "every image needs a unique id")
        ids.add(entry.id)


def count(
    predictor: Judged,
    dataset: LabelledImages,
    progress: Callable[[int], None] | None = None,
    details: Collection[str] = (),
    workers: int | None = None,
) -> PartCounts:
    """Segment every image of a data set, or of a part of it, and count; see `evaluate`.

    workers: the number of threads, each of which has an image; None takes all processors.
    """
    dataset = dataset.with_inputs(*predictor.inputs)
    table, void = match_classes(dataset.classes, predictor.classes)
    classes = predictor.classes

    def one(index: int) -> PartCounts:
        """Read, segment and count an image, all in one thread."""
        sample = dataset.read(index)
        labels, result = _predicted(predictor, sample)
        tally, counted = Tally(len(classes)), Details(len(classes), details)
        tally.add(sample.id, truth := table[sample.labels], labels)
        counted.add(sample.labels, truth, labels, result)
        seen = np.bincount(sample.labels.reshape(-1), minlength=256) > 0
        return PartCounts(Evaluation(classes, void, tally, counted), seen)

    total = Evaluation(classes, void, Tally(len(classes)), Details(len(classes), details))
    seen = np.zeros(256, np.bool_)
    parts = in_order(one, range(len(dataset)), predictor.workers(workers))
    for done, part in enumerate(parts, start=1):
        total.merge(part.evaluation)
        seen |= part.seen
        if progress is not None:
            progress(done)
    return PartCounts(total, seen)


def conclude(dataset: LabelledImages, parts: Iterable[PartCounts]) -> Evaluation:
    """The evaluation of a data set from the counts of its parts, in order; at least one.

    Raises DataError if the labels are masks of 0 and 255.
    """
    first, *others = parts
    seen = first.seen.copy()
    for other in others:
        first.evaluation.merge(other.evaluation)
        seen |= other.seen
    if np.flatnonzero(seen).tolist() == [0, VOID] and _may_be_foreground(dataset):
        raise DataError(
            f"the labels of {dataset.name} hold only class 0 and void ({VOID}), so there is nothing to judge",
            f"if these are masks with {VOID} as foreground, add foreground={VOID} to the data",
        )
    return first.evaluation


def _may_be_foreground(dataset: LabelledImages) -> bool:
    """Whether 255 may stand for an object: in kinds of data that have the option, if 255 alone is void."""
    source = SOURCES.get(dataset.name.partition(":")[0])
    void_ids = [id_ for id_, class_ in dataset.class_map.table.items() if class_ == VOID]
    takes = source is not None and "foreground" in source.options
    return takes and void_ids == [VOID] and len(dataset.classes) > 1


def _predicted(judged: Judged, sample: Sample) -> tuple[Labels, Segmentation | None]:
    """The labels predicted for a sample, and the model's result."""
    if isinstance(judged, MaskFolder):
        return judged.labels(sample), None
    try:
        result = judged(sample.stacked(judged.inputs))
        return result.labels, result
    except ModelError as problem:
        raise ModelError(f"{sample.id}: {problem.message}", problem.hint) from problem


def labels_of(judged: Judged, sample: Sample) -> Labels:
    """(H, W) the labels that are predicted for a sample."""
    return _predicted(judged, sample)[0]
