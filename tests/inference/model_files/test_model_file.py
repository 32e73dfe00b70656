"""What a model file says of itself, and what is said of files that are none."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_model import CLASSES, tiny_info, tiny_model

from pixelwise import load
from pixelwise.core.errors import ModelError, TrainingError
from pixelwise.inference.model_files.model_file import ModelInfo


def test_metadata_gives_back_the_same_info() -> None:
    info = ModelInfo("n", CLASSES, 500, {"mean": [1.5]}, {"figures": {"mean_iou": 0.7}}, enlarge=True)
    for known in (info, replace(info, learnt_from="AAAA" * 1000)):
        metadata = known.to_metadata()
        assert list(metadata) == ["pixelwise"]
        assert json.loads(metadata["pixelwise"])["format"] == 1
        assert ModelInfo.from_metadata(metadata) == known


def test_figures_that_are_not_defined_are_stored_as_null() -> None:
    info = ModelInfo("n", CLASSES, 500, training={"val": [{"mean_iou": float("nan")}]})
    assert ModelInfo.from_metadata(info.to_metadata()).training == {"val": [{"mean_iou": None}]}


def changed(**fields: Any) -> dict[str, str]:
    record = json.loads(tiny_info().to_metadata()["pixelwise"])
    record.update(fields)
    return {"pixelwise": json.dumps({key: value for key, value in record.items() if value != "absent"})}


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "without the metadata property 'pixelwise'"),
        ({"pixelwise": "{"}, "is not JSON"),
        ({"pixelwise": "[]"}, "is not a JSON object"),
        (changed(format=3), "format 3; this pixelwise reads formats up to 2"),
        (changed(format=0), "format must be 1 or 2, got 0"),
        (changed(format="absent"), "'format' is missing"),
        (changed(name=""), "needs a name"),
        (changed(name=7), "'name' must be of type str, got 7"),
        (changed(long_side="absent"), "'long_side' is missing"),
        (changed(long_side=0), "from 1 to 100000 pixels, got 0"),
        (changed(long_side=10**400), "from 1 to 100000 pixels, got 1000"),
        (changed(classes=10**400), "'classes' must be of type list, got 1000"),
        (changed(learnt_from=5), "'learnt_from' must be of type str, got 5"),
        (changed(learnt_from="AAAA"), "fingerprints of pictures have 5 bytes each, got 3"),
        (changed(name="n" * 5000), "'name' has at most 1000 letters, got 5000"),
        (changed(name="half \ud800"), "'name' holds half a character"),
        ({"pixelwise": "[" * 100_000}, "is nested too deeply"),
        ({"pixelwise": '{"format": NaN}'}, "NaN is not a number that JSON has"),
        (changed(long_side=True), "'long_side' must be of type int, got True"),
        (changed(enlarge=1), "'enlarge' must be true or false, got 1"),
        (changed(classes=[]), "1 to 255 classes"),
        (changed(classes=["cat"]), "expected an object with 'name', got 'cat'"),
        (changed(classes=[{"name": "cat", "color": [1, 2, 256]}]), "three integers from 0 to 255"),
        (changed(classes=[{"name": "cat", "color": [1, 2, 3]}] * 2, background=None), "repeat: cat"),
        (changed(background=9), "background 9 is not a class id"),
        (changed(training=[]), "'training' must be of type dict"),
    ],
)
def test_faults_in_the_metadata_are_named(metadata: dict[str, str], message: str) -> None:
    with pytest.raises(ModelError, match=r"m\.onnx") as caught:
        ModelInfo.from_metadata(metadata, "m.onnx")
    assert message in caught.value.message


def test_files_that_do_not_say_so_enlarge_nothing() -> None:
    assert not ModelInfo.from_metadata(changed(enlarge="absent")).enlarge


def test_load_finds_bundled_models_by_name(bundled: Callable[[], Path]) -> None:
    assert load().info == tiny_info()
    assert load("default").info == tiny_info()
    assert load(bundled() / "default.onnx").info == tiny_info()


def test_unknown_names_list_the_known(bundled: Callable[[], Path]) -> None:
    (bundled() / "other.onnx").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        load("voc")
    assert caught.value.message == 'no model "voc", neither bundled nor a file'
    models = "bundled models: default, other; or give the path of a model file or a run folder"
    assert caught.value.hint == models
    with pytest.raises(ModelError, match="no model file runs/none") as caught:
        load("runs/none")
    assert caught.value.hint == models


def test_files_that_are_no_model_are_refused(tmp_path: Path) -> None:
    whole = tiny_model()
    cases = {
        "missing.onnx": (None, "no model file"),
        "empty.onnx": (b"", "is not a complete ONNX model"),
        "text.onnx": (b"hello " * 100, "is not a complete ONNX model"),
        "truncated.onnx": (whole[: len(whole) // 2], "is not a complete ONNX model"),
        "foreign.onnx": (tiny_model({}), "without the metadata property"),
    }
    for name, (content, message) in cases.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ModelError) as caught:
            load(path)
        assert message in caught.value.message, name
        assert name in caught.value.message
    with pytest.raises(TrainingError, match=r"last.pt does not exist"):
        load(tmp_path)  # a folder may be a run


def test_a_model_with_other_inputs_is_refused() -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(tiny_model())
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    from pixelwise.inference.engines.onnx import OnnxEngine

    with pytest.raises(ModelError, match=r'expected an input "image" uint8 \(N, H, W, 3\)'):
        OnnxEngine(model.SerializeToString(), 1)
