"""The compiled core, see cpp/bindings/module.cpp. Arrays are C-contiguous, aligned and never converted."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

def count_confusion(
    truth: npt.NDArray[np.uint8],
    prediction: npt.NDArray[np.uint8],
    ignore: int,
    matrix: npt.NDArray[np.int64],
) -> int: ...
def label_pixels(
    scores: npt.NDArray[np.float32],
    labels: npt.NDArray[np.uint8],
    pixels: npt.NDArray[np.int64],
    confidence: npt.NDArray[np.float64],
) -> None: ...
def pixel_confidence(scores: npt.NDArray[np.float32], confidence: npt.NDArray[np.float32]) -> None: ...
def pixel_probabilities(scores: npt.NDArray[np.float32], probabilities: npt.NDArray[np.float32]) -> None: ...
def keep_largest_region(labels: npt.NDArray[np.uint8], background: int) -> None: ...
def fill_holes(labels: npt.NDArray[np.uint8], background: int) -> None: ...
def remove_small_regions(labels: npt.NDArray[np.uint8], smallest: int, background: int | None) -> None: ...

class LatticeTooLarge(MemoryError): ...  # noqa: N818

class MeanField:
    """A dense CRF, see cpp/bindings/crf.cpp. Volumes are (classes, depth, height, width) with any strides."""

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        kernels: Sequence[tuple[npt.NDArray[np.float32], int, float, npt.NDArray[np.float32] | None]],
        threads: int,
        instructions: str | None = None,
        most_vertices: int | None = None,
    ) -> None: ...
    def set_unary(self, unary: npt.NDArray[np.float32]) -> int: ...
    def step(self) -> None: ...
    def step_from(self, beliefs: npt.NDArray[np.float32]) -> None: ...
    def beliefs(self, out: npt.NDArray[np.float32]) -> None: ...
    def labels(self, out: npt.NDArray[np.int32]) -> None: ...
    def divergence(self) -> float: ...
    def divergence_of(self, beliefs: npt.NDArray[np.float32]) -> float: ...
    def message(self, term: int, values: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None: ...
    @property
    def vertices(self) -> list[int]: ...
    @property
    def threads(self) -> int: ...

def instruction_set() -> str: ...

class Convolution:
    """A convolution of stride 1, see cpp/conv/convolution.hpp. Images are (N, H, W, channels)."""

    def __init__(
        self,
        weights: npt.NDArray[np.float32],
        bias: npt.NDArray[np.float32],
        padding: int,
        dilation: int,
        rectified: bool,
        pooled: bool,
        threads: int,
        instructions: str | None = None,
    ) -> None: ...
    def length(self, size: int) -> int: ...
    def run(self, images: npt.NDArray[np.float32], out: npt.NDArray[np.float32], threads: int) -> None: ...

def convolve(
    images: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    padding: int,
    dilation: int,
    rectified: bool,
    out: npt.NDArray[np.float32],
    threads: int,
    instructions: str | None = None,
) -> None: ...
def convolve_back(
    gradient: npt.NDArray[np.float32],
    weights: npt.NDArray[np.float32],
    padding: int,
    dilation: int,
    out: npt.NDArray[np.float32],
    threads: int,
    instructions: str | None = None,
) -> None: ...
def correlate(
    images: npt.NDArray[np.float32],
    gradient: npt.NDArray[np.float32],
    padding: int,
    dilation: int,
    out: npt.NDArray[np.float32],
    threads: int,
    instructions: str | None = None,
) -> None: ...
def cross_entropy(
    scores: npt.NDArray[np.float32],
    labels: npt.NDArray[np.uint8],
    weights: npt.NDArray[np.float32],
    scale: float,
    gradient: npt.NDArray[np.float32] | None,
    threads: int,
    instructions: str | None = None,
) -> float: ...
def correlate_depthwise(
    images: npt.NDArray[np.float32],
    gradient: npt.NDArray[np.float32],
    stride: int,
    padding: int,
    dilation: int,
    out: npt.NDArray[np.float32],
    threads: int,
    instructions: str | None = None,
) -> None: ...
