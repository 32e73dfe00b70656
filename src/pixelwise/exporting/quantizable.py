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
      A bias that other layers keep is copied: torch stores equal ones once.
    - The score maps that a ConvTranspose enlarged are added by Sum: the shape inference of
      `quant_pre_process` cannot prove that their sizes are equal, and gives up on an Add, but not on a Sum.
    """
    from onnx import helper, numpy_helper

    stored = {tensor.name: tensor for tensor in graph.initializer}
    behind = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "Cast" and node.input[0] in stored
    }

    def moves(node: Any) -> bool:
        """Whether the bias of the node moves to an Add."""
        return node.op_type == "Conv" and len(node.input) == 3 and node.input[1] in behind

    staying = {name for node in graph.node for name in (node.input[:2] if moves(node) else node.input)}
    enlarged: set[str] = set()
    reshaped: set[str] = set()

    def rewritten(node: Any) -> Iterator[Any]:
        yield node
        if moves(node):
            bias = node.input.pop()
            tensor = stored[behind.get(bias, bias)]
            if bias in staying:
                bias = f"plane_of_{bias}"
                if bias not in stored:
                    values = numpy_helper.to_array(tensor).astype(np.float32)
                    graph.initializer.append(numpy_helper.from_array(values, bias))
                    stored[bias] = graph.initializer[-1]
                tensor = stored[bias]
            _as_plane(tensor)
            reshaped.update({bias, behind.get(bias, bias)})
            result, node.output[0] = node.output[0], f"{node.output[0]}_without_bias"
            yield helper.make_node("Add", [node.output[0], bias], [result])
        elif node.op_type == "ConvTranspose" or (node.op_type == "Slice" and node.input[0] in enlarged):
            enlarged.add(node.output[0])
        elif node.op_type == "Add" and enlarged & set(node.input):
            node.op_type = "Sum"

    nodes = [new for node in graph.node for new in rewritten(node)]
    kept = [entry for entry in graph.value_info if entry.name not in reshaped]
    for field, entries in ((graph.node, nodes), (graph.value_info, kept)):
        del field[:]
        field.extend(entries)


def _as_plane(bias: Any) -> None:
    """From (C,) to (C, 1, 1), unless another convolution with the same bias came first."""
    if len(bias.dims) == 1:
        bias.dims.extend([1, 1])
