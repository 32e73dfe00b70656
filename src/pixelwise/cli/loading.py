"""Loading for verbs that evaluate a model on many images."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelwise.data import LabelledImages
    from pixelwise.inference.predictor import Predictor
    from pixelwise.inference.views import Views


def load_model(
    model: str,
    crf: str | None = None,
    views: "Views | None" = None,
    threads: int | None = 1,
    engine: str = "auto",
    precision: str = "float32",
    head: str | None = None,
) -> "Predictor":
    """`pixelwise.load` for many images at a time: one thread per image, unless `threads` is set."""
    from pixelwise.inference.views import SINGLE
    from pixelwise.workflows.loading import load

    return load(model, threads, crf, views or SINGLE, engine, precision, head)


def as_learnt(dataset: "LabelledImages", predictor: "Predictor") -> "LabelledImages":
    """The data with the labels of the model's head, if that is not the main head."""
    from pixelwise.workflows import evaluating

    return evaluating.as_learnt(dataset, predictor)
