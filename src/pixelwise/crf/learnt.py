"""A dense CRF whose weights and compatibility were learnt with a net, without torch.

Source: Zheng et al., "Conditional random fields as recurrent neural networks", 2015. It computes what
torch_backend.CRFLayer computes after its training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.crf.dense_crf import DenseCRF
from pixelwise.crf.potentials import Features
from pixelwise.crf.presets import Preset

Rows = tuple[tuple[float, ...], ...]
_LARGEST = 1e6


@dataclass(frozen=True)
class LearntCRF:
    """Widths, normalization and iterations are the preset's.

    weights: (2, C), of the Gaussian and the bilateral kernel for each class. compatibility: (C, C), the cost
    of a label for a pixel whose like has another, in units of the weight. Raises ValueError for other shapes
    and for numbers beyond 1e6.
    """

    preset: Preset
    weights: Rows
    compatibility: Rows

    def __post_init__(self) -> None:
        classes = len(self.compatibility)
        _check("weights", self.weights, (2, classes))
        _check("compatibility", self.compatibility, (classes, classes))

    def __call__(
        self,
        image: npt.NDArray[Any],
        scores: npt.NDArray[np.float32],
        threads: int | None = None,
        most_vertices: int | None = None,
    ) -> npt.NDArray[np.float32]:
        """log Q (C, H, W) from scores of that shape and the image (H, W, channels), 0 to 255. Raises
        LatticeTooLarge as DenseCRF does.
        """
        shape = image.shape[:2]
        kernels = [
            Features(kernel.features(shape), 1.0, kernel.normalization)
            for kernel in self.preset.kernels(image)
        ]
        weights, compatibility = (np.array(rows, np.float32) for rows in (self.weights, self.compatibility))
        costs = compatibility * weights[:, None, :]
        field = DenseCRF(-scores, kernels, compatibility=costs, threads=threads, most_vertices=most_vertices)
        field.step(self.preset.iterations)
        beliefs: npt.NDArray[np.float32] = np.log(np.maximum(field.q, np.finfo(np.float32).tiny))
        return beliefs

    def to_record(self) -> dict[str, Any]:
        """A JSON object that `from_record` reads."""
        return {
            "preset": dict(vars(self.preset)),
            "weights": [list(row) for row in self.weights],
            "compatibility": [list(row) for row in self.compatibility],
        }

    @classmethod
    def from_record(cls, record: object) -> "LearntCRF":
        """Raises ValueError, TypeError or KeyError for what `to_record` did not write."""
        if not isinstance(record, dict):
            raise ValueError("a CRF is an object with preset, weights and compatibility")
        return cls(Preset(**record["preset"]), rows_of(record["weights"]), rows_of(record["compatibility"]))


def rows_of(values: Sequence[Sequence[float]]) -> Rows:
    """The rows of a matrix as tuples of floats."""
    return tuple(tuple(float(value) for value in row) for row in values)


def _check(name: str, rows: Rows, shape: tuple[int, int]) -> None:
    if len(rows) != shape[0] or any(len(row) != shape[1] for row in rows):
        raise ValueError(f"{name} must be {shape[0]} rows of {shape[1]} numbers")
    if not all(abs(value) <= _LARGEST for row in rows for value in row):
        raise ValueError(f"{name} must hold numbers from -{_LARGEST:g} to {_LARGEST:g}")
