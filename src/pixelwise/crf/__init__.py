"""The fully connected CRF of Krähenbühl and Koltun, by filtering on permutohedral lattices.

>>> q = refine(image, probabilities)
>>> q = mean_field(unary, [Gaussian(3, weight=3), Bilateral(image, 80, 13, weight=10)])
"""

from pixelwise.crf.dense_crf import DenseCRF, LatticeTooLarge, mean_field, refine
from pixelwise.crf.potentials import (
    Bilateral,
    Features,
    Gaussian,
    unary_from_labels,
    unary_from_probabilities,
)
from pixelwise.crf.presets import DEEPLAB, DEEPLAB_COCO, DEEPLAB_MSC, DENSECRF, PRESETS, Preset, load_preset

__all__ = [
    "DEEPLAB",
    "DEEPLAB_COCO",
    "DEEPLAB_MSC",
    "DENSECRF",
    "PRESETS",
    "Bilateral",
    "DenseCRF",
    "Features",
    "Gaussian",
    "LatticeTooLarge",
    "Preset",
    "load_preset",
    "mean_field",
    "refine",
    "unary_from_labels",
    "unary_from_probabilities",
]
