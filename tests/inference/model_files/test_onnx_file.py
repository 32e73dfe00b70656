"""What a model file may hold is checked before an engine sees it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_model import tiny_model

from pixelwise.core.errors import ModelError
from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.engines.openvino import OpenVinoEngine
from pixelwise.inference.model_files.onnx_file import OPSETS, checked_metadata

onnx = pytest.importorskip("onnx")
helper = onnx.helper


def changed(change: Callable[[Any], object]) -> bytes:
    model = onnx.load_from_string(tiny_model())
    change(model)
    content: bytes = model.SerializeToString()
    return content


def looped(model: Any) -> None:
    """Scores are added up as long as a number says: here without end."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["sum", "sum"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("turn", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", onnx.TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", onnx.TensorProto.FLOAT, None),
        ],
    )
    model.graph.node[-1].output[0] = "once"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.append(helper.make_node("Loop", ["", "yes", "once"], ["scores"], body=body))


def branched(model: Any) -> None:
    """A subgraph hides in an attribute of an operator that has none."""
    graph = helper.make_graph([], "empty", [], [])
    model.graph.node[0].attribute.append(helper.make_attribute("then_branch", graph))


def outside(model: Any) -> None:
    """Weights in a file beside the model, or anywhere else on the machine."""
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")


def outside_constant(model: Any) -> None:
    outside(model)
    tensor = model.graph.initializer.pop(0)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["half"], value=tensor))


def functions(model: Any) -> None:
    body = [helper.make_node("Relu", ["x"], ["y"])]
    opset = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("own", "Mine", ["x"], ["y"], body, opset))


def nan(model: Any) -> None:
    tensor = model.graph.initializer[0]
    weights = onnx.numpy_helper.to_array(tensor).copy()
    weights.flat[3] = np.nan
    tensor.CopyFrom(onnx.numpy_helper.from_array(weights, tensor.name))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (looped, "holds a graph within a graph"),
        (branched, "holds a graph within a graph"),
        (outside, "keeps weights in another file"),
        (outside_constant, "keeps weights in another file"),
        (functions, "holds functions"),
        (nan, "holds weights that are NaN"),
        (lambda m: setattr(m.opset_import[0], "version", 2**31 - 1), "needs version 2147483647 of ONNX's"),
        (
            lambda m: setattr(m.opset_import[0], "version", 6),
            f"versions {OPSETS[0]} to {OPSETS[-1]} are read",
        ),
        (lambda m: setattr(m.graph.node[0], "op_type", "Scan"), 'operator "Scan", which is not on the list'),
        (lambda m: setattr(m.graph.node[0], "op_type", "a\x1b[31m"), r'operator "a\\x1b\[31m"'),
        (lambda m: setattr(m.graph.node[0], "domain", "com.unknown"), 'operator "com.unknown.Cast"'),
        (
            lambda m: m.graph.initializer[0].dims.append(10**12),
            "names a tensor of .*, but does not hold them",
        ),
        (lambda m: m.graph.sparse_initializer.add(), "holds sparse tensors"),
        (lambda m: m.ClearField("graph"), "is not a complete ONNX model: it has no graph"),
    ],
)
def test_what_a_file_may_not_hold_is_named(change: Callable[[Any], object], complaint: str) -> None:
    content = changed(change)
    for engine in (OnnxEngine, OpenVinoEngine):
        with pytest.raises(ModelError, match=rf"^foreign\.onnx {complaint}|^foreign\.onnx .*{complaint}"):
            engine(content, 1, "foreign.onnx")


FLOAT, HALF, DOUBLE = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE
BFLOAT = onnx.TensorProto.BFLOAT16


def stored(kind: int, field: str, values: list[Any]) -> Any:
    """A tensor whose numbers are in this field."""
    tensor = onnx.TensorProto(name="more", data_type=kind, dims=[len(values)])
    getattr(tensor, field).extend(values)
    return tensor


def with_attribute(model: Any, **attribute: Any) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["more"], **attribute))


NAN_ANYWHERE: dict[str, Callable[[Any, float, int, int], object]] = {
    "floats": lambda m, x, *_: m.graph.initializer.append(stored(FLOAT, "float_data", [1.0, x, 2.0])),
    "doubles": lambda m, x, *_: m.graph.initializer.append(stored(DOUBLE, "double_data", [1.0, x])),
    "raw doubles": lambda m, x, *_: m.graph.initializer.append(
        onnx.numpy_helper.from_array(np.array([1.0, x]), "more")
    ),
    "halves": lambda m, _, half, __: m.graph.initializer.append(
        stored(HALF, "int32_data", [0x8000, 5, half, 1])
    ),
    "bfloats": lambda m, _, __, bfloat: m.graph.initializer.append(stored(BFLOAT, "int32_data", [bfloat])),
    "a number": lambda m, x, *_: with_attribute(m, value_float=x),
    "numbers": lambda m, x, *_: with_attribute(m, value_floats=[1.0, x]),
}


@pytest.mark.parametrize("place", NAN_ANYWHERE)
def test_nan_is_found_wherever_numbers_are_stored(place: str) -> None:
    """Nets may turn NaN into 0, so that their scores do not show it."""
    infinite = changed(lambda model: NAN_ANYWHERE[place](model, -np.inf, 0xFC00, 0xFF80))
    assert "pixelwise" in checked_metadata(infinite, "foreign.onnx")
    damaged = changed(lambda model: NAN_ANYWHERE[place](model, np.nan, 0x7E00, 0xFFC1))
    with pytest.raises(ModelError, match=r"foreign\.onnx holds weights that are NaN"):
        checked_metadata(damaged, "foreign.onnx")


def test_metadata_that_is_not_text_is_refused() -> None:
    content = tiny_model({"pixelwise": "Grün"}).replace("ü".encode(), b"\xff\xfe")
    with pytest.raises(
        ModelError, match=r"^foreign\.onnx has metadata that is not text: a value is not UTF-8"
    ):
        checked_metadata(content, "foreign.onnx")


def test_metadata_is_what_onnx_says() -> None:
    assert checked_metadata(tiny_model({"pixelwise": "{}", "b": "Grün"}), "m") == {
        "pixelwise": "{}",
        "b": "Grün",
    }


def oversized(nodes: list[Any], numbers: dict[str, Any]) -> bytes:
    """The tiny model, whose scores then go through `nodes`, from "small" to "scores"."""

    def change(model: Any) -> None:
        model.graph.node[-1].output[0] = "small"
        model.graph.node.extend(nodes)
        for name, values in numbers.items():
            model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(values), name))

    return changed(change)


HUGE: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "tiles": ([helper.make_node("Tile", ["small", "by"], ["scores"])], {"by": [1, 1, 60, 60]}),
    "pads": (
        [helper.make_node("Pad", ["small", "by"], ["scores"])],
        {"by": [0, 0, 0, 0, 0, 0, 20_000, 20_000]},
    ),
    "constant": (
        [
            helper.make_node("ConstantOfShape", ["by"], ["zeros"]),
            helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
            helper.make_node("Add", ["small", "zero"], ["scores"]),
        ],
        {"by": [1000, 1000, 1000]},
    ),
    "outer product": (
        [
            helper.make_node("MatMul", ["column", "row"], ["table"]),
            helper.make_node("ReduceMax", ["table"], ["most"], keepdims=0),
            helper.make_node("Add", ["small", "most"], ["scores"]),
        ],
        {"column": np.ones((40_000, 1), np.float32), "row": np.ones((1, 40_000), np.float32)},
    ),
}


@pytest.mark.parametrize("kind", HUGE)
@pytest.mark.parametrize("engine", [OnnxEngine, OpenVinoEngine])
def test_a_net_that_needs_more_memory_than_there_is_for_pictures_is_refused(kind: str, engine: Any) -> None:
    if engine is OnnxEngine and kind in ("constant", "outer product"):
        pytest.importorskip("onnxruntime", "1.27", "earlier versions compute constants without a limit")
    with pytest.raises(ModelError, match=r"foreign\.onnx takes more than 1\.7 GB of memory for a picture of"):
        engine(oversized(*HUGE[kind]), 1, "foreign.onnx").scores(np.zeros((200, 200, 3), np.uint8))


def test_pictures_that_are_too_large_for_a_net_are_refused_and_others_scored() -> None:
    pytest.importorskip("openvino")
    engine = OpenVinoEngine(tiny_model(), 1, "m.onnx")
    with pytest.raises(
        ModelError, match=r"m\.onnx takes more than 1\.7 GB of memory for a picture of 9000x9000"
    ):
        engine.scores(np.broadcast_to(np.uint8(0), (9000, 9000, 3)))
    assert engine.scores(np.zeros((600, 20, 3), np.uint8)).shape == (4, 600, 20)


def test_scores_of_another_shape_are_named() -> None:
    nodes = [helper.make_node("Tile", ["small", "by"], ["scores"])]
    for engine in (OnnxEngine, OpenVinoEngine):
        made = engine(oversized(nodes, {"by": [1, 1, 0, 1]}), 1, "foreign.onnx")
        with pytest.raises(
            ModelError, match=r"foreign\.onnx gives scores of shape \(1, 4, 0, 30\), expected"
        ):
            made.scores(np.zeros((20, 30, 3), np.uint8))


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    for path in (tmp_path / "pipe.onnx", Path("/dev/zero")):
        with pytest.raises(ModelError, match=r"cannot read model file .*: it is a device, pipe or socket"):
            OnnxEngine(path)
