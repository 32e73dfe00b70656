"""Which head of a data set a model file stands for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_model import tiny_info, tiny_model

import pixelwise
from pixelwise.core.errors import ModelError


def model_file(path: Path, head: str | None) -> Path:
    """The tiny model, exported for a head."""
    info = replace(tiny_info(), training={"head": head})
    path.write_bytes(tiny_model(info.to_metadata()))
    return path


@pytest.fixture
def rooms(tmp_path: Path) -> str:
    """A red picture with two sets of labels: red in the main one, blue in the other."""
    for folder in ("images", "labels", "labels.other"):
        (tmp_path / folder).mkdir()
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 0] = 200
    Image.fromarray(red).save(tmp_path / "images/a.png")
    for folder, id_ in (("labels", 0), ("labels.other", 1)):
        Image.fromarray(np.full((4, 6), id_, np.uint8)).save(tmp_path / f"{folder}/a.png")
    for name in ("classes.txt", "classes.other.txt"):
        (tmp_path / name).write_text("red\nblue\n")
    return f"folder:{tmp_path}"


def test_only_the_head_that_a_file_was_exported_for_is_loaded(tmp_path: Path) -> None:
    file = model_file(tmp_path / "main.onnx", "semantic")
    assert pixelwise.load(file, head="semantic").info.name == "tiny"
    with pytest.raises(ModelError, match="has no head other\nhint: it has the head semantic only"):
        pixelwise.load(file, head="other")


def test_a_file_without_heads_has_none_to_choose(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no head semantic\nhint: it has one head only"):
        pixelwise.load(model_file(tmp_path / "one.onnx", None), head="semantic")
    with pytest.raises(ModelError, match="default has no head nonsense"):
        pixelwise.load("default", head="nonsense")


@pytest.mark.parametrize(("head", "accuracy"), [("semantic", 1), ("other", 0)])
@pytest.mark.parametrize("named", [True, False])
def test_evaluation_chooses_the_labels_of_a_head(
    head: str, accuracy: float, named: bool, rooms: str, tmp_path: Path
) -> None:
    """With a file for that head, or with one that knows none."""
    file = model_file(tmp_path / "model.onnx", head if named else None)
    judged = pixelwise.evaluate(file, rooms, "all", head=head)
    assert judged.summary()["pixel_accuracy"] == accuracy


def test_a_file_of_another_head_is_not_judged(rooms: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no head other"):
        pixelwise.evaluate(model_file(tmp_path / "model.onnx", "semantic"), rooms, "all", head="other")
