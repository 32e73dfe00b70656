"""The example images of a report: the best, the median and the worst of a split, with their errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.pictures import label_pictures
from pixelwise.core.pictures.reading import fitting
from pixelwise.core.types import VOID, Labels, RGBImage
from pixelwise.data import LabelledImages
from pixelwise.evaluation.evaluation import Evaluation, Judged, labels_of, match_classes
from pixelwise.inference.results.tints import tints

Rank = Literal["worst", "median", "best"]

SHOWN = 4
"""Images of each rank."""

LONG_SIDE = 360
"""Pixels of the longer side of a picture in the report."""

WRONG = (235, 64, 52)
VOID_SHADE = (96, 110, 160)


@dataclass(frozen=True)
class Exhibit:
    """One image of a report: `score` is its mean IoU, `iou` that of the classes (by id) in truth or
    prediction; the pictures have one size, `share_wrong` is that of known pixels.
    """

    id: str
    rank: Rank
    score: float
    iou: dict[int, float]
    share_wrong: float
    image: Image.Image
    truth: Image.Image
    prediction: Image.Image
    errors: Image.Image


def chosen(scores: npt.NDArray[np.float64], shown: int = SHOWN) -> list[tuple[int, Rank]]:
    """Indices of the worst, median and best of (N,) scores, worst first, each image once; NaN is left out."""
    order = [int(index) for index in np.argsort(scores, kind="stable") if not np.isnan(scores[index])]
    each = max(1, min(shown, len(order) // 3))
    middle = (len(order) - each) // 2
    ranks: dict[Rank, list[int]] = {
        "worst": order[:each],
        "best": order[-each:],
        "median": order[middle : middle + each],
    }
    taken: dict[int, Rank] = {}
    for rank, indices in ranks.items():
        for index in indices:
            taken.setdefault(index, rank)
    return [(index, taken[index]) for index in order if index in taken]


def exhibits(evaluation: Evaluation, predictor: Judged, dataset: LabelledImages) -> Iterator[Exhibit]:
    """Segment the chosen images once more and draw them; `evaluation` must be of this predictor and data."""
    dataset = dataset.with_inputs(*predictor.inputs)
    table, _ = match_classes(dataset.classes, predictor.classes)
    counts = evaluation.tally.per_image()
    scores, iou = counts.mean_iou(), counts.iou()
    for index, rank in chosen(scores):
        sample = dataset.read(index)
        truth, prediction = table[sample.labels], labels_of(predictor, sample)
        known = truth != VOID
        wrong = known & (truth != prediction)
        yield Exhibit(
            id=sample.id,
            rank=rank,
            score=float(scores[index]),
            iou={int(c): float(iou[index, c]) for c in np.flatnonzero(~np.isnan(iou[index]))},
            share_wrong=float(wrong.sum() / known.sum()),
            image=_reduced(Image.fromarray(sample.image)),
            truth=_reduced(label_picture(truth, predictor.classes)),
            prediction=_reduced(label_picture(prediction, predictor.classes)),
            errors=_reduced(error_picture(sample.image, truth, prediction)),
        )


def label_picture(labels: Labels, classes: Classes) -> Image.Image:
    """Labels in the colours of overlays; VOID is cream."""
    return label_pictures.mask(labels, Classes(classes.names, tints(classes)))


def error_picture(image: RGBImage, truth: Labels, prediction: Labels) -> Image.Image:
    """The image in grey, wrong pixels red, those void in the truth bluish."""
    grey = np.asarray(Image.fromarray(image).convert("L"), np.float32)[..., np.newaxis]
    drawn = np.repeat(40 + 0.6 * grey, 3, axis=2)
    void = truth == VOID
    wrong = ~void & (truth != prediction)
    for place, colour in ((void, VOID_SHADE), (wrong, WRONG)):
        drawn[place] = 0.3 * drawn[place] + 0.7 * np.array(colour, np.float32)
    return Image.fromarray(drawn.astype(np.uint8))


def _reduced(picture: Image.Image) -> Image.Image:
    height, width = fitting((picture.height, picture.width), LONG_SIDE)
    if (width, height) == picture.size:
        return picture
    labels = picture.mode == "P"
    return picture.resize((width, height), Image.Resampling.NEAREST if labels else Image.Resampling.LANCZOS)
