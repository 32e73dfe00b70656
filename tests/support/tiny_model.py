"""A model whose scores can be computed by hand."""

import numpy as np
import pytest

from pixelwise.core.classes import Classes
from pixelwise.inference.model_files.model_file import ModelInfo

CLASSES = Classes(
    ("background", "red", "green", "blue"), ((0, 0, 0), (200, 0, 0), (0, 200, 0), (0, 0, 200)), 0
)
"""What the tiny model tells apart: a colour scores its channel / 32, the background 3."""


def tiny_info(long_side: int = 64) -> ModelInfo:
    return ModelInfo("tiny", CLASSES, long_side, {"scale": "1/32"}, {"recipe": "by hand"})


def tiny_model(metadata: dict[str, str] | None = None) -> bytes:
    """An ONNX file that keeps the contract: scores = rgb / 32 after a plane of 3; weights in float16."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    weight = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float16)[
        :, :, None, None
    ] / np.float16(32)
    bias = np.array([3, 0, 0, 0], np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=kinds.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["half"], ["weight"], to=kinds.FLOAT),
        helper.make_node("Conv", ["planes", "weight", "bias"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", kinds.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("scores", kinds.FLOAT, ["n", 4, "h", "w"])],
        [onnx.numpy_helper.from_array(weight, "half"), onnx.numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, tiny_info().to_metadata() if metadata is None else metadata)
    content: bytes = model.SerializeToString()
    return content
