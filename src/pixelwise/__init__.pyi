"""Pixelwise: a label for every pixel.

>>> predictor = pixelwise.load("default")
>>> result = predictor("photo.jpg")
>>> result.labels, result.areas(), result.overlay()
"""

from . import (
    core,
    cpu,
    crf,
    data,
    distributed,
    evaluation,
    exporting,
    inference,
    inspect,
    models,
    recipes,
    serve,
    training,
    workflows,
)
from .core.classes import Classes
from .inference.predictor import Predictor
from .inference.segmentation import Segmentation
from .workflows.checking import check
from .workflows.evaluating import compare, evaluate
from .workflows.exporting import export, wrap
from .workflows.loading import load
from .workflows.segmenting import segment_folder
from .workflows.training import train

__version__: str
__all__ = [
    "Classes",
    "Predictor",
    "Segmentation",
    "check",
    "compare",
    "core",
    "cpu",
    "crf",
    "data",
    "distributed",
    "evaluate",
    "evaluation",
    "export",
    "exporting",
    "inference",
    "inspect",
    "load",
    "models",
    "recipes",
    "segment_folder",
    "serve",
    "train",
    "training",
    "workflows",
    "wrap",
]
