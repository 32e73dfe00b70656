"""Change a graph so that ONNX Runtime's tools `quant_pre_process` and `quantize_dynamic` accept it.

The engines undo both changes when they load the file: the arithmetic stays the same.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np


def make_quantizable(graph: Any) -> None:
    """Change the nodes of an ONNX graph in place.

      - The bias of a convolution whose weights are stored as float16 moves to a separate Add:
        `quantize_dynamic` reads the shape of a bias from the weights, and does not look behind the Cast.
    Other layers may keep the bias: torch stores equal ones once.
      - The score maps that a ConvTranspose enlarged are added by Sum: the shape inference of
        `quant_pre_process` cannot prove that their sizes are equal, and gives up on an Add, but not on a Sum.
    """
    from onnx import helper

    stored = {tensor.name: tensor for tensor in graph.initializer}
    behind = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "Cast" and node.input[0] in stored
    }
    enlarged: set[str] = set()
    planes: dict[str, Any] = {}

    def rewritten(node: Any) -> Iterator[Any]:
        yield node
        if node.op_type == "Conv" and node.input[1] in behind and len(node.input) == 3:
            bias = node.input.pop()
            if bias not in planes:
                planes[bias] = _as_plane(stored[behind.get(bias, bias)], f"{bias}_plane")
            result, node.output[0] = node.output[0], f"{node.output[0]}_without_bias"
            yield helper.make_node("Add", [node.output[0], planes[bias].name], [result])
        elif node.op_type == "ConvTranspose" or (node.op_type == "Slice" and node.input[0] in enlarged):
            enlarged.add(node.output[0])
        elif node.op_type == "Add" and enlarged & set(node.input):
            node.op_type = "Sum"

    nodes = [new for node in graph.node for new in rewritten(node)]
    used = {name for node in nodes for name in node.input}
    nodes = [node for node in nodes if node.output[0] not in planes or node.output[0] in used]
    used = {name for node in nodes for name in node.input}
    for tensor in [stored[behind.get(bias, bias)] for bias in planes]:
        if tensor.name not in used:
            graph.initializer.remove(tensor)
    graph.initializer.extend(planes.values())
    del graph.node[:]
    graph.node.extend(nodes)


def _as_plane(bias: Any, name: str) -> Any:
    """A bias (C,) as (C, 1, 1), in float32."""
    from onnx import numpy_helper

    values = numpy_helper.to_array(bias).astype(np.float32)
    return numpy_helper.from_array(values.reshape(-1, 1, 1), name)
