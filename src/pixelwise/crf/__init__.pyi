"""The fully connected CRF of Krähenbühl and Koltun, by filtering on permutohedral lattices.

>>> q = refine(image, probabilities)
>>> q = mean_field(unary, [Gaussian(3, weight=3), Bilateral(image, 80, 13, weight=10)])
"""

from . import pydensecrf
from .dense_crf import DenseCRF, LatticeTooLarge, mean_field
from .potentials import Bilateral, Features, Gaussian, unary_from_labels, unary_from_probabilities
from .presets import DEEPLAB, DEEPLAB_COCO, DEEPLAB_MSC, DENSECRF, PRESETS, Preset, load_preset
from .refining import refine, refine_many
from .torch_backend import CRFLayer

__all__ = [
    "DEEPLAB",
    "DEEPLAB_COCO",
    "DEEPLAB_MSC",
    "DENSECRF",
    "PRESETS",
    "Bilateral",
    "CRFLayer",
    "DenseCRF",
    "Features",
    "Gaussian",
    "LatticeTooLarge",
    "Preset",
    "load_preset",
    "mean_field",
    "pydensecrf",
    "refine",
    "refine_many",
    "unary_from_labels",
    "unary_from_probabilities",
]
