"""Formats and precisions of exported models: written, loaded, and refused where they do not fit."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
from PIL import Image
from small_nets import make_catalogue_small, with_random_weights
from tiny_model import tiny_info, tiny_model
from torch import nn

import pixelwise
from pixelwise.cli.export_report import show
from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError, ImageError, ModelError
from pixelwise.exporting.metadata import redescribed
from pixelwise.exporting.torchscript import torchscript_content
from pixelwise.inference.engines.model_failures import failed
from pixelwise.inference.engines.openvino import OpenVinoEngine
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.model_files.net_file import write_net
from pixelwise.models.registry import create

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes
pytest.importorskip("openvino")

INFO = ModelInfo("tiny", Classes.named(["background", "cup", "spoon"]), 50, {"mean": [1.0]}, {"steps": 3})
SIZES = ((1, 1), (37, 90), (65, 64))
NET = "fcn32s-vgg16"


@pytest.fixture(scope="module", autouse=True)
def small_catalogue() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        make_catalogue_small(patch)
        yield


@pytest.fixture(scope="module")
def net_file(small_catalogue: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thin FCN-32s of three classes."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("net") / "net.safetensors"
    write_net(with_random_weights(create(NET, 3)), NET, INFO, path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures of coloured squares, with labels, as a data set of the tiny model's classes."""
    root = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(3)
    for kind in ("images", "labels"):
        (root / kind).mkdir()
    (root / "classes.txt").write_text("background\nred\ngreen\nblue\n")
    for index in range(6):
        labels = random.integers(0, 4, (6, 8), np.uint8).repeat(6, 0).repeat(6, 1)
        colours = np.array([(10, 10, 10), (220, 5, 30), (20, 200, 20), (0, 10, 240)], np.uint8)
        noise = random.integers(0, 12, (36, 48, 3), np.uint8)
        Image.fromarray(colours[labels] + noise).save(root / f"images/{index}.png")
        Image.fromarray(labels).save(root / f"labels/{index}.png")
    return root


def pictures() -> list[npt.NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*size, 3), np.uint8) for size in SIZES]


@pytest.fixture(scope="module")
def exported(net_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The net as an ONNX file, from which other formats are quickly made."""
    made = pixelwise.export(net_file, tmp_path_factory.mktemp("exported") / "net.onnx")
    assert made.deviation is not None
    assert 0 < made.deviation < 0.02
    return made.path


@pytest.mark.parametrize(
    ("name", "precision", "most"),
    [
        ("model.onnx", "float32", 0.001),
        ("model.onnx", "float16", 0.05),
        ("model.xml", "float32", 0.001),
        ("model.xml", "float16", 0.02),
        ("model.pt", "float32", 1e-5),
    ],
)
def test_every_format_and_precision_scores_as_the_net_and_knows_its_classes(
    net_file: Path, exported: Path, tmp_path: Path, name: str, precision: str, most: float
) -> None:
    source = net_file if name.endswith(".pt") else exported
    made = pixelwise.export(source, tmp_path / name, precision=precision)
    assert made.deviation is not None
    assert made.deviation <= most
    assert (made.path, made.precision) == (tmp_path / name, precision)
    assert made.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    before, after = pixelwise.load(source), pixelwise.load(made.path)
    training = INFO.training if precision == "float32" else {**INFO.training, "export": precision}
    assert (after.info.classes, after.info.long_side, after.info.training) == (INFO.classes, 50, training)
    for picture in pictures():
        expected, found = before.engine.scores(picture), after.engine.scores(picture)
        assert np.abs(found - expected).max() <= 1.5 * most * expected.std()


def test_a_file_that_fails_is_called_what_it_was_to_be_called(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(engine: OpenVinoEngine, image: npt.NDArray[np.uint8]) -> None:
        raise failed(engine._source, image, RuntimeError("it cannot"))

    monkeypatch.setattr(OpenVinoEngine, "scores", fail)
    with pytest.raises(ModelError) as caught:
        pixelwise.export(exported, tmp_path / "mine.xml")
    assert caught.value.message == f"{tmp_path / 'mine.xml'} failed on an image of 1x1: it cannot"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["small.onnx", "small.xml"])
def test_int8_is_calibrated_on_pictures_and_says_what_it_costs(
    tmp_path: Path, photos: Path, model_path: Path, name: str
) -> None:
    made = pixelwise.export(
        model_path,
        tmp_path / name,
        precision="int8",
        calibration=photos / "images",
        data=f"folder:{photos}",
        split="all",
    )
    assert (made.pictures, made.images, made.deviation) == (6, 6, None)
    assert made.changed is not None
    assert made.changed < 0.01
    assert made.mean_iou is not None
    before, after = made.mean_iou
    assert before == 1
    assert after > 0.98
    engines = ("onnxruntime", "openvino") if name.endswith(".onnx") else ("openvino",)
    for engine in engines:
        found = pixelwise.evaluate(str(made.path), f"folder:{photos}", "all", engine=engine)
        assert found.summary()["mean_iou"] == pytest.approx(after, abs=0.01)
    if name.endswith(".onnx"):
        kinds = {tensor.data_type for tensor in onnx.load(made.path).graph.initializer}
        assert onnx.TensorProto.INT8 in kinds


def test_int8_leaves_score_maps_and_their_upsampling_in_float32(tmp_path: Path, photos: Path) -> None:
    """The trunk's convolutions take quantised numbers; those that give scores, and what follows, do not."""
    made = pixelwise.export(
        "default", tmp_path / "small.onnx", precision="int8", calibration=photos / "images"
    )
    graph = onnx.load(made.path).graph
    given = {name: node.op_type for node in graph.node for name in node.output}
    quantised = {"Conv": 0, "ConvTranspose": 0}
    for node in graph.node:
        if node.op_type in quantised:
            quantised[node.op_type] += given.get(node.input[1]) == "DequantizeLinear"
    assert quantised["Conv"] > 60
    assert quantised["ConvTranspose"] == 0
    convolutions = sum(node.op_type == "Conv" for node in graph.node)
    assert convolutions - quantised["Conv"] == 4, "one that gives scores for each stride: 32, 16, 8 and 4"


def test_int8_takes_pixels_as_they_are_where_that_is_the_same(tmp_path: Path) -> None:
    """(x - 127) / 128, quantised with the range of 0 to 255, is x, so nothing is converted to float32."""
    full = [np.random.default_rng(seed).integers(0, 256, (60, 80, 3), np.uint8) for seed in (0, 1)]
    narrow = [picture // 2 for picture in full]
    operators = {}
    for name, calibration in (("full", full), ("narrow", narrow)):
        made = pixelwise.export(
            "default", tmp_path / f"{name}.onnx", precision="int8", calibration=calibration
        )
        operators[name] = [node.op_type for node in onnx.load(made.path).graph.node]
    assert "Cast" not in operators["full"]
    assert "Cast" in operators["narrow"], "bright pixels would be other numbers"


def test_int8_depends_on_pictures_like_those_to_come(tmp_path: Path, photos: Path, model_path: Path) -> None:
    """Calibrated on dark pictures, the model takes everything brighter for as bright as the brightest."""
    dark = [np.full((20, 20, 3), value, np.uint8) for value in (0, 3)]
    made = pixelwise.export(model_path, tmp_path / "dark.onnx", precision="int8", calibration=dark)
    assert made.changed == 0
    data = f"folder:{photos}"
    assert pixelwise.evaluate(str(made.path), data, "all").summary()["mean_iou"] < 0.5
    assert pixelwise.evaluate(str(model_path), data, "all").summary()["mean_iou"] == 1


def test_calibration_takes_the_training_pictures_of_a_data_set(
    tmp_path: Path, photos: Path, model_path: Path
) -> None:
    path = tmp_path / "small.onnx"
    made = pixelwise.export(model_path, path, precision="int8", calibration=f"folder:{photos}")
    assert made.pictures == 5  # the sixth is held out


def test_a_bundled_model_is_exported_by_its_name(
    bundled: Callable[[], Path], tmp_path: Path, photos: Path
) -> None:
    bundled()
    path = tmp_path / "other.onnx"
    made = pixelwise.export("default", path, "mine", 20, precision="int8", calibration=photos / "images")
    info = pixelwise.load(made.path).info
    assert (info.name, info.long_side, info.classes) == ("mine", 20, tiny_info().classes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output": "model.zip"}, r"expected a name that ends in \.onnx or \.xml or \.pt, got model\.zip"),
        ({"output": "model.onnx", "format": "openvino"}, r"expected a name that ends in \.xml"),
        ({"format": "caffe"}, 'format is one of onnx, openvino, torchscript, got "caffe"'),
        ({"precision": "int4"}, 'precision is one of float32, float16, int8, got "int4"'),
        ({"precision": "int8"}, "int8 needs calibration: a folder of pictures"),
        ({"calibration": "photos"}, "calibration is for int8, got precision float32"),
        ({"long_side": 0}, "long_side is from 1 to 100000 pixels, got 0"),
        ({"data": "folder:x"}, "data measures what float16 and int8 cost"),
        ({"head": "geometric"}, "has one head"),
        (
            {"format": "torchscript", "precision": "int8", "calibration": "x"},
            "torchscript is written in float32, not in int8; formats with int8: onnx, openvino",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        pixelwise.export(model_path, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_calibrations_without_pictures_leave_no_file(model_path: Path, tmp_path: Path) -> None:
    empty, text = tmp_path / "empty", tmp_path / "notes.txt"
    empty.mkdir()
    text.write_text("no picture")
    cases: list[tuple[Any, type[Exception], str]] = [
        (empty, DataError, "no pictures to calibrate on: .*empty"),
        (text, ImageError, r"notes\.txt: expected an image"),
        (tmp_path / "nowhere", DataError, "no pictures to calibrate on: .*nowhere: no such file"),
        ("voc:nowhere", DataError, 'the data "voc:nowhere" is not there'),
        ([], ValueError, "expected pictures to calibrate on, got none"),
    ]
    for calibration, error, message in cases:
        with pytest.raises(error, match=message):
            pixelwise.export(model_path, tmp_path / "small.onnx", precision="int8", calibration=calibration)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "notes.txt"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("model.onnx", {}),
        ("model.onnx", {"output": "./model.onnx", "precision": "float16"}),
        ("link.onnx", {}),
        ("model.onnx", {"output": "other.xml"}),
    ],
)
def test_an_export_never_overwrites_its_source(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, str]
) -> None:
    """Not by the name that is used if none is given, nor by the file beside an OpenVINO graph."""
    monkeypatch.chdir(tmp_path)
    Path("model.onnx").write_bytes(model_path.read_bytes())
    Path("link.onnx").symlink_to("model.onnx")
    Path("other.bin").symlink_to("model.onnx")
    with pytest.raises(ModelError, match=rf"{name} would be overwritten .*\n.*choose another --output"):
        pixelwise.export(name, **options)  # type: ignore[arg-type]
    assert Path("model.onnx").read_bytes() == model_path.read_bytes()


@pytest.fixture(scope="module")
def reduced(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny model in int8 and float16, and the first one without a record of it, as of `wrap`."""
    root = tmp_path_factory.mktemp("reduced")
    full = root / "full.onnx"
    full.write_bytes(tiny_model())
    half = pixelwise.export(full, root / "float16.onnx", precision="float16").path
    small = pixelwise.export(full, root / "int8.onnx", precision="int8", calibration=photos / "images").path
    (root / "wrapped.onnx").write_bytes(redescribed(small.read_bytes(), tiny_info()))
    return {"float16": half, "int8": small, "wrapped": root / "wrapped.onnx"}


@pytest.mark.parametrize("precision", ["int8", "float16"])
@pytest.mark.parametrize("kind", ["int8", "float16", "wrapped"])
def test_reduced_models_are_not_reduced_again(
    reduced: dict[str, Path], tmp_path: Path, photos: Path, kind: str, precision: str
) -> None:
    calibration = photos / "images" if precision == "int8" else None
    of = "float16" if kind == "float16" else "int8"
    with pytest.raises(ModelError, match=rf"{kind}\.onnx is of {of} already") as refused:
        pixelwise.export(reduced[kind], tmp_path / "again.onnx", precision=precision, calibration=calibration)
    assert refused.value.hint == "export from the run folder or the float32 file"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["int8", "float16", "wrapped"])
def test_a_copy_of_a_reduced_model_says_what_it_is(
    reduced: dict[str, Path], tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    of = "float16" if kind == "float16" else "int8"
    made = pixelwise.export(reduced[kind], tmp_path / "copy.onnx", "other")
    assert (made.precision, made.deviation) == (of, None)
    assert pixelwise.load(made.path).info.training["export"] == of
    show(made)
    assert f"copy.onnx: 0.0 MB; onnx in {of}\n" in capsys.readouterr().out


def test_a_fault_of_the_file_that_is_tried_out_names_the_file_asked_for(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(candidate: Path) -> None:
        raise ModelError(f"{candidate} failed")

    monkeypatch.setattr("pixelwise.workflows.exporting._loaded", failing)
    with pytest.raises(ModelError) as failed:
        pixelwise.export(model_path, tmp_path / "small.onnx", precision="float16")
    assert failed.value.message == f"{tmp_path / 'small.onnx'} failed"


def test_torchscript_is_not_made_from_a_model_file(model_path: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="TorchScript is made from a net in torch"):
        pixelwise.export(model_path, tmp_path / "model.pt")


@pytest.mark.parametrize("name", ["model.xml", "model.pt", "defualt"])
def test_what_cannot_be_exported_says_what_can(name: str, tmp_path: Path) -> None:
    if "." in name:
        (tmp_path / name).write_bytes(b"a file of an earlier export")
    with pytest.raises(ModelError, match="nor a file that can be exported") as refused:
        pixelwise.export(tmp_path / name, tmp_path / "new.onnx")
    assert "an .onnx or .safetensors file, or a bundled model: default, street" in str(refused.value.hint)


class Deciding(nn.Module):
    """It cannot be traced: it gives something else than tensors."""

    def forward(self, image: torch.Tensor) -> object:
        return {1: image.float(), "scores": object()}


def test_a_net_that_cannot_be_traced_is_refused_in_one_line() -> None:
    with pytest.raises(ModelError, match=r"^the net cannot be written as TorchScript: .+\nhint: .+$"):
        torchscript_content(Deciding().eval(), INFO)


def test_openvino_s_two_files_appear_together(model_path: Path, tmp_path: Path) -> None:
    pixelwise.export(model_path, tmp_path / "model.xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.bin", "model.xml"]
    graph = (tmp_path / "model.xml").read_text()
    assert graph.count("&quot;classes&quot;") == 1
    assert str(Path(__file__).parents[2]) not in graph
    with pytest.raises(ModelError, match="OpenVINO file, which onnxruntime does not run"):
        pixelwise.load(tmp_path / "model.xml", engine="onnxruntime")
    (tmp_path / "model.bin").unlink()
    with pytest.raises(ModelError, match=r"no model file .*model\.bin\nhint: an OpenVINO model is two files"):
        pixelwise.load(tmp_path / "model.xml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('type="Transpose"', 'type="Loop"', 'the operator "Loop"'),
        ('version="opset1"', 'version="extension"', "of extension, which is not run"),
        ('<?xml version="1.0"?>', "<!DOCTYPE net [<!ENTITY a 'b'>]>", "it has a DOCTYPE"),
        ("</net>", "", "is not an OpenVINO model: no element found"),
        ('offset="0"', 'offset="99999999"', "its weights end after"),
        ('offset="0"', 'offset="-1"', "a constant has no place among the weights"),
        ("<pixelwise ", "<other ", "without the metadata property"),
        ("&quot;classes&quot;", "&quot;klasses&quot;", "invalid metadata"),
    ],
)
def test_forged_graphs_of_openvino_are_refused_by_name(
    model_path: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "model.xml"
    pixelwise.export(model_path, path)
    graph = path.read_text()
    assert old in graph
    path.write_text(graph.replace(old, new, 1))
    with pytest.raises(ModelError, match=message) as caught:
        pixelwise.load(path)
    assert "model.xml" in caught.value.message


@pytest.fixture(scope="module")
def torchscript(net_file: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("script") / "net.pt"
    pixelwise.export(net_file, path)
    return path.read_bytes()


def forged(content: bytes, old: str, new: str, extra: dict[str, str] | None = None) -> bytes:
    """The archive with a text in its code replaced, and other extra files."""
    target, found = io.BytesIO(), 0
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as archive:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename.endswith(".py") and old:
                found += data.decode().count(old)
                data = data.decode().replace(old, new, 1).encode()
            for name, text in (extra or {}).items():
                if entry.filename.endswith(f"extra/{name}"):
                    data = text.encode()
            archive.writestr(entry.filename, data)
    assert found or not old
    return target.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  def forward(", "  def __setstate__(", '"__setstate__", which is not run'),
        ("torch.permute(", "torch.save(", 'it calls "torch.save"'),
        ("torch.permute(", "ops.aten.save(", 'it calls "ops.aten.save"'),
        ("torch.permute(", "torch.from_file(", 'it calls "torch.from_file"'),
        ("torch.permute(", "[torch.save][0](", r'it calls "\[torch.save\]\[0\]"'),
        ("  def forward(", "  import os\n  def forward(", "its code is not that of a net"),
        ("  def forward(", "  def forward((", "is not a TorchScript model"),
    ],
)
def test_code_that_could_do_harm_is_refused_before_it_is_loaded(
    torchscript: bytes, tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(forged(torchscript, old, new))
    with pytest.raises(ModelError, match=message) as caught:
        pixelwise.load(path)
    assert "net.pt" in caught.value.message


def test_other_files_of_torch_are_refused_with_what_to_do(torchscript: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match="holds weights, but no code: load the net with torch"):
        pixelwise.load(path)
    for content in (b"", b"PK\3\4", torchscript[:2000], torchscript[len(torchscript) // 2 :]):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"net\.pt is not a (complete )?TorchScript model"):
            pixelwise.load(path)
    for extra in ({"channels": "[0]"}, {"channels": "3"}, {"channels": "[3, 1]"}, {"pixelwise": "{"}):
        path.write_bytes(forged(torchscript, "", "", extra))
        with pytest.raises(ModelError, match=r"net\.pt"):
            pixelwise.load(path)
    path.write_bytes(torchscript)
    with pytest.raises(ModelError, match="runs in torch as it was exported, not in openvino"):
        pixelwise.load(path, engine="openvino")


def test_metadata_of_a_format_is_that_of_the_model(model_path: Path, tmp_path: Path) -> None:
    stored = json.loads(onnx.load_from_string(tiny_model()).metadata_props[0].value)
    pixelwise.export(model_path, tmp_path / "model.xml")
    assert json.loads(pixelwise.load(tmp_path / "model.xml").info.to_metadata()["pixelwise"]) == stored
