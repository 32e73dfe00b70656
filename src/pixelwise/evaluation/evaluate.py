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
from pixelwise.evaluation.trimap import (
    BORDER_CONVENTION,
    TRIMAP_CONVENTION,
    Bands,
    class_border_distance,
    void_distance,
)
from pixelwise.inference.predictor import Predictor
from pixelwise.labels import Classes
from pixelwise.types import VOID, Labels, RGBImage


@dataclass(frozen=True)
class Evaluation:
    """`confusion` over `images` images in the model's `classes`; `void` names the data set's classes that
    were left out. `trimap` and `class_borders` count the pixels near void and near class borders.
    """

    images: int
    classes: Classes
    confusion: metrics.Confusion
    void: tuple[str, ...]
    trimap: Bands | None = None
    class_borders: Bands | None = None

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
        content: dict[str, Any] = {
            "images": self.images,
            **figures,
            "per_class": self.per_class(),
            "convention": metrics.CONVENTION,
            "void": list(self.void),
        }
        if self.trimap is not None:
            content["trimap"] = {"convention": TRIMAP_CONVENTION, "curve": self.trimap.curve()}
        if self.class_borders is not None:
            borders = {"convention": BORDER_CONVENTION, "curve": self.class_borders.curve()}
            content["class_borders"] = borders
        return content


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
    predictor: Predictor,
    dataset: LabelledImages,
    progress: Callable[[int], None] | None = None,
    bands: bool = False,
) -> Evaluation:
    """Segment every image at single scale and count; `progress` is told the images done.

    bands: judge the pixels near void and near class borders, too.
    """
    table, void = match_classes(dataset.classes, predictor.classes)
    classes = len(predictor.classes)
    waiting: deque[Labels] = deque()

    def images() -> Iterator[RGBImage]:
        for index in range(len(dataset)):
            sample = dataset.read(index)
            waiting.append(sample.labels)
            yield sample.image

    confusion = np.zeros((classes, classes), np.int64)
    trimap, borders = (Bands(classes), Bands(classes)) if bands else (None, None)
    for done, result in enumerate(predictor.batch(images()), start=1):
        labels = waiting.popleft()
        truth = table[labels]
        metrics.confusion_matrix(truth, result.labels, classes, into=confusion)
        if trimap is not None and borders is not None:
            trimap.add(void_distance(labels), truth, result.labels)
            borders.add(class_border_distance(labels), truth, result.labels)
        if progress is not None:
            progress(done)
    return Evaluation(len(dataset), predictor.classes, confusion, void, trimap, borders)
