"""Cut the last upsampling off a net in OpenVINO, so that the core enlarges the scores in one pass.

FCN's last layer (Long et al. 2015, section 3.3) is a transposed convolution that interpolates scores
bilinearly; its output is cut to the size of the picture. In OpenVINO these two layers work at full size, and
their output is reordered.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.types import Scores
from pixelwise.inference.engines.coarse_scores import CoarseScores
from pixelwise.inference.model_files.model_file import INPUT, OUTPUT
from pixelwise.inference.model_files.onnx_tail import interpolates


def without_upsampling(model: Any) -> tuple[Any, int]:
    """The model (openvino.Model) without its last upsampling, and the stride of its scores.

    (model, 1) unless it ends in a bilinear upsampling that is cut to height and width of the input INPUT.
    """
    import openvino

    axes: set[int] = set()
    port = model.output(OUTPUT).get_node().input_value(0)
    while port.get_node().get_type_name() == "Slice" and (axis := _cut_axis(port.get_node())) is not None:
        axes.add(axis)
        port = port.get_node().input_value(0)
    stride = _stride_of(port.get_node())
    if axes != {2, 3} or stride is None:
        return model, 1
    small = port.get_node().input_value(0)
    return openvino.Model([small], model.get_parameters(), model.get_friendly_name()), stride


def coarse(scores: Scores, stride: int, size: tuple[int, ...]) -> CoarseScores:
    """Scores (C, h, w) whose upsampling was cut off, with what it and the cut to `size` make of them."""
    height, width = (
        min(most, stride * (cells - 1) + 1) for most, cells in zip(size, scores.shape[1:], strict=True)
    )
    return CoarseScores(np.array(scores, np.float32, order="C"), stride, (height, width))


def _stride_of(layer: Any) -> int | None:
    """The factor by which a layer enlarges each channel, bilinearly; None if it does anything else."""
    if layer.get_type_name() != "GroupConvolutionBackpropData" or len(layer.inputs()) != 2:
        return None
    weights = _constant(layer.input_value(1))
    attributes = layer.get_attributes()
    stride = int(attributes["strides"][0])
    plain = {
        "strides": [stride, stride],
        "pads_begin": [stride - 1, stride - 1],
        "pads_end": [stride - 1, stride - 1],
        "dilations": [1, 1],
        "output_padding": [0, 0],
    }
    fits = all(list(attributes[name]) == value for name, value in plain.items())
    if not fits or weights is None or weights.shape[1:3] != (1, 1):
        return None
    return stride if interpolates(weights[:, 0], stride) else None


def _cut_axis(layer: Any) -> int | None:
    """The axis, of height 2 or width 3, along which a Slice keeps as many cells as the input has pixels."""
    start, stop, step, axis = (layer.input_value(index) for index in range(1, 5))
    numbers = [_constant(port) for port in (start, step, axis)]
    if any(number is None or number.size != 1 for number in numbers):
        return None
    first, every, along = (int(number.item()) for number in numbers if number is not None)
    return along if (first, every) == (0, 1) and _input_axis(stop.get_node()) == along - 1 else None


def _input_axis(layer: Any) -> int | None:
    """The axis of the input INPUT whose length this layer gives."""
    if layer.get_type_name() != "Slice" or layer.input_value(0).get_node().get_type_name() != "ShapeOf":
        return None
    whole = layer.input_value(0).get_node().input_value(0).get_node()
    numbers = [_constant(layer.input_value(index)) for index in (1, 2, 3)]
    if whole.get_type_name() != "Parameter" or whole.get_friendly_name() != INPUT:
        return None
    if any(number is None or number.size != 1 for number in numbers):
        return None
    start, stop, step = (int(number.item()) for number in numbers if number is not None)
    return start if (stop, step) == (start + 1, 1) else None


def _constant(port: Any) -> npt.NDArray[Any] | None:
    """The numbers of a constant, also one that is cast or reshaped; None if the port depends on the input."""
    layer = port.get_node()
    kind = layer.get_type_name()
    if kind == "Constant":
        return np.asarray(layer.data)
    if kind not in ("Convert", "Reshape") or (numbers := _constant(layer.input_value(0))) is None:
        return None
    return numbers.astype(np.float32) if kind == "Convert" else numbers.reshape(port.get_shape())
