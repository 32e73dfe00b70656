"""The compiled core, see cpp/bindings.cpp. Arrays are C-contiguous and never converted."""

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
def pixel_probabilities(scores: npt.NDArray[np.float32], probabilities: npt.NDArray[np.float32]) -> None: ...
