"""Pixelwise: a label for every pixel.

>>> predictor = pixelwise.load("default")
>>> result = predictor("photo.jpg")
>>> result.labels, result.areas(), result.overlay()
"""

from . import crf, data, evaluation, export, inference, models, recipes, training
from .inference.predictor import Predictor
from .inference.segmentation import Segmentation
from .labels import Classes
from .workflows.checking import check
from .workflows.evaluating import evaluate
from .workflows.loading import load
from .workflows.segmenting import segment_folder
from .workflows.training import train

__version__: str
__all__ = [
    "Classes",
    "Predictor",
    "Segmentation",
    "check",
    "crf",
    "data",
    "evaluate",
    "evaluation",
    "export",
    "inference",
    "load",
    "models",
    "recipes",
    "segment_folder",
    "train",
    "training",
]
