"""Evaluate a model on labelled images."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from pixelwise.data.sample import LabelledImages
from pixelwise.evaluation.evaluation import Evaluation
from pixelwise.evaluation.evaluation import evaluate as judge
from pixelwise.inference.predictor import Predictor
from pixelwise.workflows.data import Data, labelled_images
from pixelwise.workflows.loading import load


def evaluate(
    model: Predictor | str | Path,
    data: Data,
    split: str = "val",
    *,
    class_names: Sequence[str] | None = None,
    classes: str | None = None,
    head: str | None = None,
    details: Collection[str] = (),
    on_image: Callable[[int], None] | None = None,
) -> Evaluation:
    """Evaluate a model. The result's `summary()` has pixel accuracy, mean accuracy, mean IoU and
    frequency-weighted IoU; its `to_dict()` has everything.

    model: what `load` takes, or a predictor. data: KIND:PATH, a data set, or a sequence of (image, labels)
    arrays with `class_names`. Classes are matched by name; those that the model lacks become void.
    classes: a selection such as "background,animal=cat+dog". head: which labels, if the data has several.
    details: what else to count, see evaluation.details. on_image is called with the number of images done.
    """
    predictor = model if isinstance(model, Predictor) else load(model, threads=1, head=head)
    dataset = as_learnt(labelled_images(data, split, class_names, head), predictor)
    if classes is not None:
        dataset = dataset.select(classes)
    return judge(predictor, dataset, on_image, details)


def as_learnt(dataset: LabelledImages, predictor: Predictor) -> LabelledImages:
    """The data with the labels of the model's head, if that is not the main head."""
    head = predictor.info.training.get("head")
    return dataset.with_head(head) if head in list(dataset.heads)[1:] else dataset
