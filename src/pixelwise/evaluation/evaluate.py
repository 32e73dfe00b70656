"""A predictor judged on a data set: one confusion matrix over the whole split."""

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pixelwise.data import LabelledImages
from pixelwise.errors import DataError
from pixelwise.evaluation import metrics
from pixelwise.inference.predictor import Predictor
from pixelwise.labels import Classes
from pixelwise.types import VOID, Labels, RGBImage


@dataclass(frozen=True)
class Evaluation:
    """`confusion` over `images` images in the model's `classes`; `void` names the data set's classes that
    were left out.
    """

    images: int
    classes: Classes
    confusion: metrics.Confusion
    void: tuple[str, ...]

    def summary(self) -> dict[str, float]:
        """The paper's four metrics, in [0, 1]."""
        return {
            "pixel_accuracy": metrics.pixel_accuracy(self.confusion),
            "mean_accuracy": metrics.mean_accuracy(self.confusion),
            "mean_iou": metrics.mean_iou(self.confusion),
            "frequency_weighted_iou": metrics.frequency_weighted_iou(self.confusion),
        }

    def per_class(self) -> list[dict[str, Any]]:
        """Per class id, name, IoU and accuracy in [0, 1] (None where not defined) and the true pixels."""
        columns = metrics.class_iou(self.confusion), metrics.class_accuracy(self.confusion)
        iou, accuracy = ([None if math.isnan(v) else float(v) for v in column] for column in columns)
        pixels = self.confusion.sum(axis=1)
        return [
            {"id": i, "name": name, "iou": iou[i], "accuracy": accuracy[i], "pixels": int(pixels[i])}
            for i, name in enumerate(self.classes.names)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain data."""
        figures = {name: None if math.isnan(v) else v for name, v in self.summary().items()}
        return {
            "images": self.images,
            **figures,
            "per_class": self.per_class(),
            "convention": metrics.CONVENTION,
            "void": list(self.void),
        }


def match_classes(data: Classes, model: Classes) -> tuple[Labels, tuple[str, ...]]:
    """The (256,) table from the data's ids to the model's by name, and the names that become void.

    Raises DataError if not one name is common.
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


def evaluate(
    predictor: Predictor, dataset: LabelledImages, progress: Callable[[int], None] | None = None
) -> Evaluation:
    """Segment every image at single scale and count; `progress` is told the images done."""
    table, void = match_classes(dataset.classes, predictor.classes)
    waiting: deque[Labels] = deque()

    def images() -> Iterator[RGBImage]:
        for index in range(len(dataset)):
            sample = dataset.read(index)
            waiting.append(table[sample.labels])
            yield sample.image

    confusion = np.zeros((len(predictor.classes),) * 2, np.int64)
    for done, result in enumerate(predictor.batch(images()), start=1):
        metrics.confusion_matrix(waiting.popleft(), result.labels, len(predictor.classes), into=confusion)
        if progress is not None:
            progress(done)
    return Evaluation(len(dataset), predictor.classes, confusion, void)
