"""Which form of a model runs: float32 or int8."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_model import tiny_info, tiny_model

import pixelwise
from pixelwise import _core, load
from pixelwise.core.errors import ModelError
from pixelwise.inference.engines.registry import decided_precision
from pixelwise.inference.model_files.model_file import bundled_names


@pytest.fixture
def forms(bundled: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bundled models: "default" with an int8 form that costs 0.2 points, "other" without one."""
    folder = bundled()
    info = tiny_info()
    int8 = replace(info, training={**info.training, "export": "int8"})
    (folder / "default.int8.onnx").write_bytes(tiny_model(int8.to_metadata()))
    (folder / "other.onnx").write_bytes(tiny_model())
    state_loss(folder, 0.002)
    monkeypatch.setattr(_core, "has_int8_products", lambda: True)
    return folder


def state_loss(folder: Path, loss: float) -> None:
    card = {"figures": {"mean_iou": 0.7}, "int8": {"mean_iou": 0.7 - loss}}
    (folder / "default.json").write_text(json.dumps(card))


def test_the_int8_form_is_not_a_model_of_its_own(forms: Path) -> None:
    assert bundled_names() == ["default", "other"]


def test_results_tell_the_precision_that_was_used(forms: Path) -> None:
    identities = {name: load("default", precision=name).identity for name in ("float32", "int8", "auto")}
    assert identities["int8"].endswith(" int8")
    assert identities["auto"] == identities["int8"]
    assert "int8" not in identities["float32"]
    assert load("default").identity == identities["float32"], "float32 unless asked for"


def test_auto_takes_int8_only_where_it_is_fast_and_as_good(
    forms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert decided_precision("default", "auto") == "int8"
    assert decided_precision("default", "auto", "cuda") == "auto"
    assert decided_precision("other", "auto") == "float32"
    assert "int8" not in load(forms / "default.onnx", precision="auto").identity, "a file is what it is"
    state_loss(forms, 0.004)
    assert decided_precision("default", "auto") == "float32"
    state_loss(forms, 0.002)
    monkeypatch.setattr(_core, "has_int8_products", lambda: False)
    assert decided_precision("default", "auto") == "float32"
    assert decided_precision("default", "int8") == "int8"


def test_a_file_exported_in_int8_is_of_int8_whatever_is_asked_for(forms: Path) -> None:
    for name in ("float32", "int8", "auto"):
        assert load(forms / "default.int8.onnx", precision=name).identity.endswith(" int8")


def test_int8_of_a_model_without_it_is_an_error(forms: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match='"other" has no int8 form'):
        load("other", precision="int8")
    with pytest.raises(ModelError, match=r"default\.onnx has no int8 form.*\n.*--precision int8 --calibrate"):
        load(forms / "default.onnx", precision="int8")
    with pytest.raises(ValueError, match="nets do not run in int8: pixelwise export"):
        load(tmp_path, precision="int8")


def test_few_pictures_run_in_the_same_precision_as_many(forms: Path, tmp_path: Path) -> None:
    photo = Path(__file__).parents[3] / "examples/chelsea.png"
    seen: list[Any] = []

    def remember(*arguments: Any, **options: Any) -> Any:
        seen.append(options.get("precision"))
        return load(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pixelwise.workflows.segmenting.load", remember)
        done = pixelwise.segment_folder(photo, tmp_path / "out", save=["mask"], precision="auto")
    assert not done.failed
    assert seen == ["auto"]
    record = next((tmp_path / "out/.pixelwise").glob("*.json")).read_text()
    assert json.loads(record)["model"].split()[2] == "int8"
