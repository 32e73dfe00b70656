"""Array aliases, the one label value that means "no label", and what counts as a number in arguments."""

from numbers import Integral, Real
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

VOID = 255
"""The label of pixels that training and evaluation ignore."""

Labels = npt.NDArray[np.uint8]
"""(H, W) class ids; VOID where there is no label."""

FileIds = npt.NDArray[Any]
"""(H, W) integers of any width and sign, as a label file has them."""

RGBImage = npt.NDArray[np.uint8]
"""(H, W, 3), 0 to 255, red first."""

Channel = npt.NDArray[Any]
"""(H, W, K) of uint8, uint16 or float32: channels besides RGB, such as depth."""

IMAGE = "image"
"""The name of the RGB image in a net's list of inputs; the others are extra channels."""

BANDS = "bands"
"""The name of a picture's own channels, as many and as deep as its file holds, in a net's list of inputs."""

Scores = npt.NDArray[np.float32]
"""(C, H, W) unnormalised log-probabilities."""


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is one real number, of numpy too, not a truth value; NaN is one."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> TypeGuard[int]:
    """Whether it is a whole number of a whole type, such as 3, and not 3.0 or True."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_truth_value(value: object) -> bool:
    """Whether it is True or False."""
    return isinstance(value, bool | np.bool_)
