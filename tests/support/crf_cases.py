"""Photos, unaries and runs of both libraries that tests and benchmarks of the CRF share."""

import numpy as np
import numpy.typing as npt

from pixelwise.crf import Bilateral, Gaussian
from pixelwise.crf.potentials import Kernel, Normalization

Floats = npt.NDArray[np.float32]


def small_case(
    classes: int = 3, height: int = 10, width: int = 12, seed: int = 0
) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """Unary (C, H, W) and image (H, W, 3): noise."""
    generator = np.random.default_rng(seed)
    unary = generator.normal(0, 1.5, (classes, height, width)).astype(np.float32)
    return unary, generator.integers(0, 256, (height, width, 3)).astype(np.uint8)


def blurred_unary(classes: int, height: int, width: int, seed: int = 0) -> Floats:
    """Energies of a net's kind: patches of 32 pixels, blurred, with noise, capped like clipped
    probabilities."""
    generator = np.random.default_rng(seed)
    coarse = generator.normal(0, 3, (classes, height // 32 + 2, width // 32 + 2))
    rows, columns = np.arange(height) / 32, np.arange(width) / 32
    y, x = rows.astype(int), columns.astype(int)
    v, u = (rows - y)[:, None], (columns - x)[None, :]
    top = coarse[:, y][:, :, x] * (1 - u) + coarse[:, y][:, :, x + 1] * u
    bottom = coarse[:, y + 1][:, :, x] * (1 - u) + coarse[:, y + 1][:, :, x + 1] * u
    scores = top * (1 - v) + bottom * v + generator.normal(0, 0.3, (classes, height, width))
    scores -= scores.max(axis=0)
    scores -= np.log(np.exp(scores).sum(axis=0))
    return np.asarray(np.minimum(-scores, -np.log(1e-5)), np.float32)


def two_kernels(
    image: npt.NDArray[np.uint8],
    theta_alpha: float = 80,
    theta_beta: float = 13,
    weight: float = 10,
    normalization: Normalization = "symmetric",
) -> list[Kernel]:
    """The usual pair, named by the bilateral kernel's sxy/srgb/compat in pydensecrf."""
    return [
        Gaussian(3, 3, normalization),
        Bilateral(image, theta_alpha, theta_beta, weight, normalization),
    ]
