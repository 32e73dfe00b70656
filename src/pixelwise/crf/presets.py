"""Parameter sets of the two-kernel CRF by name, each with its source."""

from dataclasses import dataclass

import numpy.typing as npt

from pixelwise.crf.potentials import Bilateral, Gaussian, Kernel, Normalization


@dataclass(frozen=True)
class Preset:
    """w1, theta_alpha (pixels), theta_beta (grey levels of 0 to 255) of the bilateral kernel, w2 and
    theta_gamma (pixels) of the Gaussian one."""

    name: str
    source: str
    w1: float
    theta_alpha: float
    theta_beta: float
    w2: float = 3.0
    theta_gamma: float = 3.0
    iterations: int = 10
    normalization: Normalization = "symmetric"

    def kernels(self, image: npt.ArrayLike) -> tuple[Kernel, ...]:
        """The pairwise terms for this image."""
        return (
            Gaussian(self.theta_gamma, self.w2, self.normalization),
            Bilateral(image, self.theta_alpha, self.theta_beta, self.w1, self.normalization),
        )


DENSECRF = Preset(
    "densecrf", "the example of Krähenbühl's code, as most users of pydensecrf run it", 10, 80, 13
)
DEEPLAB = Preset(
    "deeplab",
    "DeepLab v1's released scripts, single scale (section 5.2 for the ranges)",
    5,
    50,
    10,
    normalization="after",
)
DEEPLAB_MSC = Preset("deeplab-msc", "the same, multi-scale features", 3, 95, 3, normalization="after")
DEEPLAB_COCO = Preset("deeplab-coco", "the same, trained on VOC and COCO", 5, 67, 3, normalization="after")

PRESETS = {preset.name: preset for preset in (DENSECRF, DEEPLAB, DEEPLAB_MSC, DEEPLAB_COCO)}
