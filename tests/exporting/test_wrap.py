"""ONNX nets that pixelwise did not make become model files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pixelwise import load, wrap
from pixelwise.core.classes import Classes
from pixelwise.core.errors import ModelError
from pixelwise.exporting.wrap import wrap_onnx
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.normalisation import Normalisation

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

INFO = ModelInfo("colours", Classes.named(["red", "green", "blue"]), 64)
RAW = Normalisation(input_range=(0, 255))


def pooling(
    sizes: tuple[Any, Any, Any, Any] = ("n", 3, "h", "w"), kind: int = TensorProto.FLOAT, stride: int = 4
) -> Any:
    """A net whose scores are the means of squares of colours."""
    nodes, planes = [], "x"
    if kind == TensorProto.UINT8:
        nodes.append(helper.make_node("Cast", [planes], ["floats"], to=TensorProto.FLOAT))
        planes = "floats"
    if sizes[3] == 3:
        nodes.append(helper.make_node("Transpose", [planes], ["first"], perm=[0, 3, 1, 2]))
        planes = "first"
    square = [stride, stride]
    nodes.append(helper.make_node("AveragePool", [planes], ["y"], kernel_shape=square, strides=square))
    graph = helper.make_graph(
        nodes,
        "pooling",
        [helper.make_tensor_value_info("x", kind, sizes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3, "i", "j"])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def wrapped(model: Any, folder: Path, normalisation: Normalisation = RAW, multiple: int = 1) -> Path:
    (folder / "net.onnx").write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    wrap_onnx(folder / "net.onnx", INFO, folder / "mine.onnx", normalisation, multiple)
    return folder / "mine.onnx"


def quarters() -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """Red, green / blue, red."""
    image = np.zeros((42, 62, 3), np.uint8)
    image[:20, :32, 0] = image[:20, 32:, 1] = image[20:, :32, 2] = image[20:, 32:, 0] = 200
    return image


@pytest.mark.parametrize(
    ("net", "multiple"),
    [
        (pooling(), 1),
        (pooling(), 32),
        (pooling(("n", "h", "w", 3), TensorProto.UINT8), 1),
        (pooling(("n", "h", "w", 3)), 8),
        (pooling((1, 3, 48, 48)), 1),
        (pooling(("n", 48, 48, 3), TensorProto.UINT8), 1),
        (pooling(stride=1), 1),
    ],
    ids=["any size", "padded", "bytes", "channels last", "one size", "one size in bytes", "full size"],
)
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_nets_of_all_layouts_label_pictures_of_any_size(
    net: Any, multiple: int, engine: str, tmp_path: Path
) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino")
    predictor = load(wrapped(net, tmp_path, multiple=multiple), 1, engine=engine)
    assert predictor.info == INFO
    labels = predictor(quarters()).labels
    assert labels.shape == (42, 62)
    assert [labels[8, 8], labels[8, 50], labels[35, 8], labels[35, 50]] == [0, 1, 2, 0]


def test_the_net_sees_normalised_pixels(tmp_path: Path) -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    path = wrapped(pooling(stride=1), tmp_path, Normalisation(mean, std))
    scores = load(path, 1).engine.scores(np.full((5, 7, 3), 128, np.uint8))
    expected = [(128 / 255 - m) / s for m, s in zip(mean, std, strict=True)]
    assert scores[:, 2, 3].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("given", [Normalisation(mean=(1, 2, 3)), Normalisation(std=(2, 2, 2))])
def test_a_net_of_uint8_is_not_given_a_normalisation(given: Normalisation, tmp_path: Path) -> None:
    """It would see the pixels unchanged, and the file would record another net."""
    with pytest.raises(ModelError, match="takes uint8 pixels as they are"):
        wrapped(pooling(("n", "h", "w", 3), TensorProto.UINT8), tmp_path, given)
    assert not (tmp_path / "mine.onnx").exists()


def test_functions_within_the_file_are_written_out(tmp_path: Path) -> None:
    model = pooling()
    pool = model.graph.node[0]
    body = helper.make_node("AveragePool", ["a"], ["b"], kernel_shape=[4, 4], strides=[4, 4])
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("own", "Mine", ["a"], ["b"], [body], opsets))
    pool.op_type, pool.domain = "Mine", "own"
    del pool.attribute[:]
    model.opset_import.append(helper.make_opsetid("own", 1))
    assert load(wrapped(model, tmp_path), 1)(quarters()).labels[8, 50] == 1


@pytest.mark.parametrize("version", [11, 13, 18])
def test_older_and_newer_operators_are_taken(version: int, tmp_path: Path) -> None:
    model = pooling()
    model.opset_import[0].version = version
    assert load(wrapped(model, tmp_path), 1)(quarters()).labels[8, 50] == 1


def two_inputs(model: Any) -> None:
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1]))


def two_classes(model: Any) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 2


def outside(model: Any) -> None:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")
    model.graph.initializer.append(tensor)


def one_map(model: Any) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (two_inputs, r"net\.onnx: expected one input .*got x .*, z"),
        (two_classes, r"net\.onnx: expected scores \(N, 3, h, w\) of 3 classes, got y \(None, 2"),
        (outside, r"net\.onnx keeps weights in w\.bin, which cannot be read: .*\n.*put that file beside it"),
        (one_map, r"net\.onnx gives one map, but a label needs the scores of two classes"),
    ],
)
def test_what_cannot_be_wrapped_is_named_and_leaves_no_file(
    change: Callable[[Any], None], complaint: str, tmp_path: Path
) -> None:
    model = pooling()
    change(model)
    with pytest.raises(ModelError, match=complaint):
        wrapped(model, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx"]


def test_scores_with_the_classes_last_are_no_other_number_of_classes(tmp_path: Path) -> None:
    model = pooling()
    for size, value in zip(model.graph.output[0].type.tensor_type.shape.dim, (1, 12, 16, 3), strict=True):
        size.dim_value = value
    with pytest.raises(ModelError, match=r"got y \(1, 12, 16, 3\)") as refused:
        wrapped(model, tmp_path)
    assert "scores (N, C, h, w)" in str(refused.value.hint)


@pytest.mark.parametrize("output", ["model.onnx", "./model.onnx", "link.onnx"])
def test_a_net_is_not_overwritten_by_what_wraps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    content = pooling().SerializeToString()
    Path("model.onnx").write_bytes(content)
    Path("link.onnx").symlink_to("model.onnx")
    with pytest.raises(ModelError, match=r"model.onnx would be overwritten .*\n.*choose another --output"):
        wrap("model.onnx", INFO.classes, output)
    assert Path("model.onnx").read_bytes() == content


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_net_that_ends_in_a_softmax_has_the_confidence_of_its_scores(engine: str, tmp_path: Path) -> None:
    pytest.importorskip(engine)
    ended = pooling()
    ended.graph.node[0].output[0] = "scores"
    ended.graph.node.append(helper.make_node("Softmax", ["scores"], ["y"], axis=1))
    plain, found = (
        load(wrapped(net, tmp_path, Normalisation(input_range=(0, 9)), 4), 1, engine=engine)(quarters())
        for net in (pooling(), ended)
    )
    assert np.array_equal(plain.labels, found.labels)
    assert plain.areas()[0].confidence > 0.98
    assert found.areas()[0].confidence == pytest.approx(plain.areas()[0].confidence, abs=0.005)


def test_weights_beside_the_net_are_read_and_others_are_not(tmp_path: Path) -> None:
    """torch exports nets in two files by default."""
    onnx.save(banded(), tmp_path / "net.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    made = wrap(tmp_path / "net.onnx", ["first", "last"], tmp_path / "mine.onnx", bands="5xuint16")
    (tmp_path / "w.bin").rename(tmp_path.parent / "w.bin")
    assert load(made.path)(np.full((6, 8, 5), 9, np.uint16)).size == (6, 8)
    model = onnx.load(tmp_path / "net.onnx", load_external_data=False)
    model.graph.initializer[0].external_data[0].value = "../w.bin"
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"keeps weights in \.\./w\.bin, which cannot be read"):
        wrap(tmp_path / "net.onnx", ["first", "last"], tmp_path / "other.onnx", bands="5xuint16")
    constant = helper.make_node("Constant", [], ["weight"], value=model.graph.initializer[0])
    del model.graph.initializer[0]
    model.graph.node.insert(0, constant)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="keeps weights in another file, which cannot be read"):
        wrap(tmp_path / "net.onnx", ["first", "last"], tmp_path / "other.onnx", bands="5xuint16")


def test_what_is_not_onnx_is_named(tmp_path: Path) -> None:
    for content in (b"", b"hello " * 50, pooling().SerializeToString()[:-20]):
        with pytest.raises(ModelError, match=r"net\.onnx"):
            wrapped(content, tmp_path)
    with pytest.raises(ModelError, match=r"missing\.onnx cannot be read: No such file"):
        wrap_onnx(tmp_path / "missing.onnx", INFO, tmp_path / "x.onnx", RAW)


def test_more_classes_than_are_named_are_refused(tmp_path: Path) -> None:
    model = pooling()
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "c"
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    info = ModelInfo("two", Classes.named(["a", "b"]), 64)
    with pytest.raises(ModelError, match=r"net\.onnx scores 3 classes, but 2 are named"):
        wrap_onnx(tmp_path / "net.onnx", info, tmp_path / "mine.onnx", RAW)
    assert not onnx.load(tmp_path / "net.onnx").metadata_props


def test_wrap_is_a_public_function_with_the_settings_of_load(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(pooling().SerializeToString())
    output, names = tmp_path / "mine.onnx", ["red", "green", "blue"]
    made = wrap(tmp_path / "net.onnx", names, output, input_range=(0, 255), long_side=64)
    assert (made.path, made.classes.names) == (output, tuple(names))
    predictor = load(output)
    assert (predictor.info.name, predictor.info.long_side) == ("net", 64)
    assert predictor.info.preprocessing["input_range"] == [0, 255]
    by_file = wrapped(pooling(), tmp_path)
    assert (load(by_file)(quarters()).labels == predictor(quarters()).labels).all()
    with pytest.raises(ValueError, match=r"ends in \.onnx, got"):
        wrap(tmp_path / "net.onnx", names, tmp_path / "mine.bin")
    with pytest.raises(ValueError, match="std is 3 numbers above 0"):
        wrap(tmp_path / "net.onnx", names, output, std=(1, 0, 1))
    with pytest.raises(ModelError, match=r"expected scores \(N, 2, h, w\) of 2 classes") as refused:
        wrap(tmp_path / "net.onnx", names[:2], tmp_path / "other.onnx")
    assert refused.value.hint == "the net scores 3 classes: name all of them in order"
    assert not (tmp_path / "other.onnx").exists()


def banded(sizes: tuple[Any, Any, Any, Any] = ("n", 5, "h", "w"), kind: int = TensorProto.FLOAT) -> Any:
    """A net of five bands: the scores of two classes are the means of the first two and of the others."""
    weight = np.array([[0.5, 0.5, 0, 0, 0], [0, 0, 1 / 3, 1 / 3, 1 / 3]], np.float32)[:, :, None, None]
    nodes = [
        helper.make_node("Cast", ["x"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["floats", "weight"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "banded",
        [helper.make_tensor_value_info("x", kind, sizes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2, "i", "j"])],
        [numpy_helper.from_array(weight, "weight")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_net_of_other_channels_takes_bands(engine: str, tmp_path: Path) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino")
    (tmp_path / "net.onnx").write_bytes(banded().SerializeToString())
    made = wrap(tmp_path / "net.onnx", ["first", "last"], tmp_path / "mine.onnx", bands="5xuint16")
    bands = np.zeros((6, 8, 5), np.uint16)
    bands[:, :4, :2] = 40_000
    bands[:, 4:, 2:] = 65_535
    result = load(made.path, engine=engine)(bands)
    assert result.labels.tolist() == [[0] * 4 + [1] * 4] * 6
    assert result.scores[0, 0, 0] == pytest.approx(40_000 / 65_535, abs=1e-4)


def test_channels_that_do_not_fit_name_the_way(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(banded().SerializeToString())
    with pytest.raises(ModelError, match=r"expected one input \(N, 3, H, W\)(.|\n)*--bands 4xuint16"):
        wrap(tmp_path / "net.onnx", ["first", "last"], tmp_path / "mine.onnx")
    with pytest.raises(ModelError, match=r"expected one input \(N, 4, H, W\)"):
        wrap(tmp_path / "net.onnx", ["first", "last"], tmp_path / "mine.onnx", bands="4xuint16")
    (tmp_path / "net.onnx").write_bytes(banded(kind=TensorProto.UINT8).SerializeToString())
    with pytest.raises(ModelError, match="takes uint8, but the bands are 5 bands of uint16"):
        wrap(tmp_path / "net.onnx", ["first", "last"], tmp_path / "mine.onnx", bands="5xuint16")
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
