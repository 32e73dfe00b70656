"""From a picture to a segmentation: reading, scoring, results, folders. Only the torch engine needs torch."""

from .crf_refiner import CRFRefiner
from .model_files.model_file import ModelInfo, bundled_names
from .predictor import Predictor
from .probabilities import Area
from .results.cleaning import Cleaning
from .results.style import Style
from .segmentation import Segmentation
from .views import Views

__all__ = [
    "Area",
    "CRFRefiner",
    "Cleaning",
    "ModelInfo",
    "Predictor",
    "Segmentation",
    "Style",
    "Views",
    "bundled_names",
]
