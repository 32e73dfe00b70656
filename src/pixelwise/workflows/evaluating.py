"""A model judged on labelled images."""

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
    """Judge a model: `summary()` of the result has pixel accuracy, mean accuracy, mean IoU and
    frequency-weighted IoU, `to_dict()` everything.

    model: what `load` takes, or a predictor. data: KIND:PATH, a data set, or a sequence of (image, labels)
    arrays with `class_names`. Classes are matched by name; those that the model does not have become void.
    classes: a selection such as "background,animal=cat+dog". head: which labels, where data has several.
    details: what else to count, see evaluation.details. on_image is called with the number of images done.
    """
    predictor = model if isinstance(model, Predictor) else load(model, threads=1, head=head)
    dataset = as_learnt(labelled_images(data, split, class_names, head), predictor)
    if classes is not None:
        dataset = dataset.select(classes)
    return judge(predictor, dataset, on_image, details)


def as_learnt(dataset: LabelledImages, predictor: Predictor) -> LabelledImages:
    """The data with the labels of the head that the model has learnt, where that is not the main one."""
    head = predictor.info.training.get("head")
    return dataset.with_head(head) if head in list(dataset.heads)[1:] else dataset
