"""A predictor judged on a data set."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.errors import DataError
from pixelwise.evaluation.evaluate import evaluate, match_classes
from pixelwise.inference.predictor import Predictor
from pixelwise.labels import Classes


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """Two pictures for the tiny model, whose classes are background, red, green and blue."""
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    (tmp_path / "classes.txt").write_text("red\nsky\ngreen\nbackground\n")
    save(tmp_path, "0", [[(255, 0, 0), (255, 0, 0), (0, 255, 0)]], [[0, 2, 2]])
    save(tmp_path, "1", [[(0, 0, 0), (0, 0, 255), (0, 255, 0)]], [[3, 1, 255]])
    return tmp_path


def save(root: Path, name: str, image: list[list[tuple[int, int, int]]], labels: list[list[int]]) -> None:
    Image.fromarray(np.array(image, np.uint8)).save(root / f"images/{name}.png")
    Image.fromarray(np.array(labels, np.uint8)).save(root / f"labels/{name}.png")


def test_classes_are_matched_by_name_and_the_rest_is_void(colours: Path, predictor: Predictor) -> None:
    told: list[int] = []
    result = evaluate(predictor, open_dataset(f"folder:{colours}", "all"), told.append)
    # Right: a red, a green and a background pixel; one green was taken for red. Sky and void do not count.
    expected = np.zeros((4, 4), np.int64)
    expected[0, 0] = expected[1, 1] = expected[2, 2] = expected[2, 1] = 1
    assert np.array_equal(result.confusion, expected)
    assert result.void == ("sky",)
    assert told == [1, 2]
    content = result.to_dict()
    assert content["images"] == 2
    assert content["pixel_accuracy"] == 3 / 4
    assert content["mean_iou"] == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    assert [row["iou"] for row in content["per_class"]] == [1, 0.5, 0.5, None]
    assert content["void"] == ["sky"]
    assert "void truth left out" in content["convention"]


def test_bands_surround_the_void_that_was_read_and_count_the_model_s_classes(
    colours: Path, predictor: Predictor
) -> None:
    result = evaluate(predictor, open_dataset(f"folder:{colours}", "all"), bands=True).to_dict()
    # Beside the one void pixel lies sky, which the model does not know, and then, two away, background.
    curve = result["trimap"]["curve"]
    assert [row["pixels"] for row in curve[:3]] == [0, 1, 1]
    assert (curve[0]["mean_iou"], curve[1]["pixel_accuracy"]) == (None, 1)
    # Borders: red | green in the first picture; background | sky in the second. One green is taken for red.
    borders = result["class_borders"]["curve"]
    assert [row["pixels"] for row in borders[:3]] == [3, 4, 4]
    assert borders[0]["pixel_accuracy"] == pytest.approx(2 / 3)
    assert "void" in result["trimap"]["convention"]
    assert "two classes" in result["class_borders"]["convention"]
    assert "trimap" not in evaluate(predictor, open_dataset(f"folder:{colours}", "all")).to_dict()


def test_nothing_in_common_is_an_error_that_names_both_sides() -> None:
    with pytest.raises(DataError, match="no class in common: a, b against c"):
        match_classes(Classes.named(["a", "b"]), Classes.named(["c"]))
