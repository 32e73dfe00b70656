"""Convert a model file to float16, or to int8 by static quantization, with the tools of ONNX Runtime."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pixelwise.core.errors import MissingExtraError, ModelError, extras_named
from pixelwise.core.terminal import printable
from pixelwise.core.types import Channel
from pixelwise.exporting.metadata import with_metadata
from pixelwise.inference.engines.contract import Inputs
from pixelwise.inference.model_files.model_file import ModelInfo

_INT8_OPERATORS = frozenset(
    (
        *("ConvInteger", "DequantizeLinear", "MatMulInteger", "QGemm"),
        *("QLinearConv", "QLinearMatMul", "QuantizeLinear"),
    )
)


def precision_of(content: bytes, info: ModelInfo) -> str:
    """What a model file computes in, float32, float16 or int8: by its graph, then by its record. Weights that
    are stored in float16 and cast to float32 are of float32.
    """
    with extras_named():
        from onnx import TensorProto, load_from_string
    graph = load_from_string(content).graph
    if any(node.op_type in _INT8_OPERATORS for node in graph.node):
        return "int8"
    halves = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    for node in graph.node:
        casts = node.op_type == "Cast"
        to_half = casts and any(entry.i == TensorProto.FLOAT16 for entry in node.attribute)
        if to_half or (not casts and halves & set(node.input)):
            return "float16"
    recorded = info.training.get("export")
    return str(recorded) if recorded in ("float16", "int8") else "float32"


def to_float16(content: bytes, info: ModelInfo) -> bytes:
    """The model with weights and arithmetic in float16; pixels and scores keep their types."""
    with _tools("float16"):
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16

        model = convert_float_to_float16(onnx.load_from_string(content), keep_io_types=True)
        return with_metadata(model, info)


def to_int8(content: bytes, info: ModelInfo, pictures: Sequence[Channel]) -> bytes:
    """The model with weights in int8, a scale for each channel, and activations in uint8, whose ranges are
    the largest that occur in `pictures` (H, W, K), as the net sees them.

    Score maps, and what enlarges and adds them, stay in float32: there int8 costs time and accuracy.
    """
    if not pictures:
        raise ValueError("int8 needs pictures to calibrate on, got none")
    with TemporaryDirectory() as folder, _tools("int8", folder):
        import onnx
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        graph = onnx.load_from_string(content).graph
        weights = {tensor.name for tensor in graph.initializer}
        ports = [port for port in graph.input if port.name not in weights]
        inputs = Inputs({port.name: port.type.tensor_type.shape.dim[3].dim_value for port in ports})

        class Pictures(CalibrationDataReader):  # type: ignore[misc]
            """One picture at a time, since their sizes differ."""

            def __init__(self) -> None:
                self._feeds = map(inputs.feeds, pictures)

            def get_next(self) -> dict[str, Channel] | None:
                return next(self._feeds, None)

        given, prepared, small = (Path(folder) / f"{name}.onnx" for name in ("given", "prepared", "small"))
        given.write_bytes(content)
        quant_pre_process(str(given), str(prepared), skip_symbolic_shape=True)  # it folds casts of weights
        quantize_static(
            str(prepared),
            str(small),
            Pictures(),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=_upsampling_of_scores(onnx.load(prepared).graph),
        )
        model = onnx.load(small)
        _take_pixels_as_quantized(model.graph)
        return with_metadata(model, info)


def _take_pixels_as_quantized(graph: Any) -> None:
    """Feed uint8 pixels to the net unchanged, in place of normalising them to float32 and quantizing those,
    if that gives the same numbers: with one whole number as the mean of all channels, and a full range.
    """
    from onnx import numpy_helper

    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    giving = {node.output[0]: node for node in graph.node}
    for last in [node for node in graph.node if node.op_type == "QuantizeLinear"]:
        chain, found = [last], ["QuantizeLinear"]
        while len(chain) < 4 and chain[-1].input[0] in giving:
            chain.append(giving[chain[-1].input[0]])
            found.append(chain[-1].op_type)
        if found != ["QuantizeLinear", "Div", "Sub", "Cast"]:
            continue
        numbers = (last.input[1], last.input[2], chain[1].input[1], chain[2].input[1])
        scale, zero, spread, mean = map(stored.get, numbers)
        if scale is None or zero is None or spread is None or mean is None or zero.dtype != np.uint8:
            continue
        if np.allclose(scale * spread, 1, rtol=1e-6, atol=0) and (mean == zero).all():
            for node in graph.node:
                node.input[:] = [chain[3].input[0] if name == last.output[0] else name for name in node.input]
            for node in chain:
                graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def _upsampling_of_scores(graph: Any) -> list[str]:
    """The names of the nodes from the first ConvTranspose on, which enlarge score maps, and of the
    convolutions that give these maps.
    """
    enlarged: set[str] = set()
    end = []
    for node in graph.node:  # every node comes after those whose results it takes
        if node.op_type == "ConvTranspose" or enlarged & set(node.input):
            enlarged.update(node.output)
            end.append(node)
    taken = {name for node in end for name in node.input}
    giving = [node for node in graph.node if node.op_type == "Conv" and taken & set(node.output)]
    return [node.name for node in (*end, *giving)]


@contextmanager
def _tools(precision: str, folder: str | None = None) -> Iterator[None]:
    """Quiet tools, whose errors become ModelError. `folder`: of their own files, which no message names."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with extras_named():
            yield
    except (ModuleNotFoundError, MissingExtraError, ModelError):
        raise
    except Exception as problem:  # the tools raise many kinds
        text = str(problem) if folder is None else str(problem).replace(f"{folder}/", "")
        reason = printable(" ".join(text.split()))[:200] or type(problem).__name__
        raise ModelError(f"the model cannot be converted to {precision}: {reason}") from problem
    finally:
        logging.disable(before)
