"""From a picture to a segmentation: reading, scoring, results, folders. Only the torch engine needs torch."""

from .model_file import ModelInfo, bundled_names
from .predictor import Predictor
from .refiner import CRFRefiner
from .segmentation import Area, Segmentation
from .views import Views

__all__ = ["Area", "CRFRefiner", "ModelInfo", "Predictor", "Segmentation", "Views", "bundled_names"]
