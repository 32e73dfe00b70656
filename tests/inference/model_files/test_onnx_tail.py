"""ONNX Runtime leaves the last upsampling to the core, with the same scores up to rounding."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_model import tiny_model

from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.model_files.model_file import OUTPUT, bundled_file
from pixelwise.inference.model_files.onnx_tail import without_upsampling

onnx = pytest.importorskip("onnx")
SIZES = [(1, 1), (33, 64), (50, 71)]


def content(name: str = "default.onnx") -> bytes:
    return bundled_file(name).read_bytes()


@pytest.mark.parametrize("name", ["default.onnx", "default.int8.onnx"])
def test_the_rest_of_the_file_stays(name: str) -> None:
    before = onnx.load_from_string(content(name))
    shorter, output, stride = without_upsampling(content(name))
    after = onnx.load_from_string(shorter)
    assert stride == 4
    assert [port.name for port in after.graph.output] == [output]
    assert list(after.graph.node) == list(before.graph.node)[:-3]
    for field in ("initializer", "input", "value_info"):
        assert getattr(after.graph, field) == getattr(before.graph, field)
    assert after.metadata_props == before.metadata_props
    assert after.opset_import == before.opset_import


@pytest.mark.parametrize("size", SIZES)
def test_scores_are_those_of_the_whole_file(size: tuple[int, int]) -> None:
    import onnxruntime

    image = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    session = onnxruntime.InferenceSession(content(), providers=["CPUExecutionProvider"])
    (expected,) = session.run([OUTPUT], {"image": image[np.newaxis]})
    engine = OnnxEngine(content(), 1)
    found = engine.scores(image)
    assert np.abs(found - expected[0]).max() < 1e-5 * expected.std() + 1e-4
    assert np.array_equal(engine.batch_scores([image, image])[1], found)


def other_stride(graph: Any) -> None:
    next(a for a in graph.node[-3].attribute if a.name == "strides").ints[0] = 2


def other_weights(graph: Any) -> None:
    graph.node[-3].input[1] = graph.node[-6].input[1] if graph.node[-6].op_type == "ConvTranspose" else ""


def other_padding(graph: Any) -> None:
    next(a for a in graph.node[-3].attribute if a.name == "pads").ints[2] = 1


def other_axis(graph: Any) -> None:
    graph.node[-1].input[3] = graph.node[-2].input[3]


def other_end(graph: Any) -> None:
    graph.node[-1].input[2] = graph.node[-2].input[2]


def a_second_output(graph: Any) -> None:
    graph.output.add().CopyFrom(graph.output[0])


@pytest.mark.parametrize(
    "change", [other_stride, other_weights, other_padding, other_axis, other_end, a_second_output]
)
def test_another_ending_stays(change: Any) -> None:
    model = onnx.load_from_string(content())
    change(model.graph)
    given = model.SerializeToString()
    assert without_upsampling(given) == (given, OUTPUT, 1)


def test_files_that_end_otherwise_stay(tmp_path: Path) -> None:
    for given in (tiny_model(), b"", content()[:1000]):
        assert without_upsampling(given) == (given, OUTPUT, 1)
