"""Pixelwise: a label for every pixel.

>>> predictor = pixelwise.load("default")
>>> result = predictor("photo.jpg")
>>> result.labels, result.areas(), result.overlay()
"""

from . import crf, data, evaluation, export, inference, models, recipes, training
from .inference.predictor import Predictor, load
from .inference.segmentation import Segmentation
from .labels import Classes

__version__: str
__all__ = [
    "Classes",
    "Predictor",
    "Segmentation",
    "crf",
    "data",
    "evaluation",
    "export",
    "inference",
    "load",
    "models",
    "recipes",
    "training",
]
