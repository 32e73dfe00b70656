"""A predictor judged on a data set."""

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError, ModelError
from pixelwise.core.types import RGBImage, Scores
from pixelwise.data import open_dataset
from pixelwise.evaluation.details import ALL, BANDS
from pixelwise.evaluation.evaluation import evaluate, match_classes
from pixelwise.inference.engines.engine import CoarseEngine
from pixelwise.inference.predictor import Predictor


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
    result = evaluate(predictor, open_dataset(f"folder:{colours}", "all"), details=BANDS).to_dict()
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


def test_every_figure_comes_with_its_interval_and_every_image_with_its_counts(
    colours: Path, predictor: Predictor
) -> None:
    content = evaluate(predictor, open_dataset(f"folder:{colours}", "all")).to_dict()
    assert json.loads(json.dumps(content)) == content
    # The first image has 2 of 3 pixels right, the second 1 of 1: drawn twice each, once each, or mixed.
    assert content["intervals"]["pixel_accuracy"] == pytest.approx([2 / 3, 1])
    red, green = content["per_class"][1], content["per_class"][2]
    assert (red["precision"], red["recall"], red["accuracy"], red["f1"]) == (
        1 / 2,
        1,
        1,
        pytest.approx(2 / 3),
    )
    assert (green["precision"], green["recall"]) == (1, 1 / 2)
    assert green["iou_interval"] == [1 / 2, 1 / 2]
    assert content["per_class"][3]["iou_interval"] == [None, None]
    assert content["per_image"] == [
        {"id": "0", "counts": [[1, 1, 1, 2], [2, 1, 2, 1]]},
        {"id": "1", "counts": [[0, 1, 1, 1]]},
    ]
    assert content["mean_iou_of_true_classes"] == content["mean_iou"]
    assert "bootstrap resamples of the images" in content["interval_convention"]


def test_all_details_are_counted_in_one_pass_each_with_its_convention(
    colours: Path, predictor: Predictor
) -> None:
    content = evaluate(predictor, open_dataset(f"folder:{colours}", "all"), details=ALL).to_dict()
    assert set(ALL) <= content.keys()
    assert all(content[name]["convention"] for name in ALL)
    assert sum(row["pixels"] for row in content["calibration"]["bins"]) == 4
    assert content["sizes"]["sizes"][0]["regions"] == 3  # red, green; background
    assert content["boundary"]["per_class"]["boundary_f1"] == [1, 1, 1, None]


def test_halves_judged_by_two_processes_merge_to_the_whole(colours: Path, predictor: Predictor) -> None:
    dataset = open_dataset(f"folder:{colours}", "all")
    halves = [
        evaluate(predictor, dataclasses.replace(dataset, entries=(entry,)), details=ALL)
        for entry in dataset.entries
    ]
    first, second = (pickle.loads(pickle.dumps(half)) for half in halves)
    first.merge(second)
    assert first.to_dict() == evaluate(predictor, dataset, details=ALL).to_dict()
    with pytest.raises(ValueError, match='"1" is counted twice'):
        first.merge(second)
    with pytest.raises(ValueError, match=r"cannot merge details \(\) into \('trimap'"):
        first.merge(evaluate(predictor, dataset))


def test_an_image_named_twice_is_an_error(colours: Path, predictor: Predictor) -> None:
    dataset = open_dataset(f"folder:{colours}", "all")
    twice = dataclasses.replace(dataset, entries=(*dataset.entries, dataset.entries[0]))
    with pytest.raises(DataError, match='all names "0" twice'):
        evaluate(predictor, twice)


def test_scores_that_are_not_numbers_end_the_evaluation_with_the_image_s_name(
    colours: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(predictor.engine, CoarseEngine)
    sound = predictor.engine.coarse_scores

    def faulty(image: RGBImage) -> Scores:
        return np.asarray(sound(image)) * np.float32(1 if image[0, 0, 0] else np.nan)

    monkeypatch.setattr(predictor.engine, "coarse_scores", faulty)
    with pytest.raises(ModelError, match=r'^1: model "tiny" gives NaN or infinite scores'):
        evaluate(predictor, open_dataset(f"folder:{colours}", "all"))


def test_unknown_details_are_refused(colours: Path, predictor: Predictor) -> None:
    with pytest.raises(ValueError, match=r"among trimap, class_borders, .*, got depth"):
        evaluate(predictor, open_dataset(f"folder:{colours}", "all"), details=["depth"])


def test_nothing_in_common_is_an_error_that_names_both_sides() -> None:
    with pytest.raises(DataError, match="no class in common: a, b against c"):
        match_classes(Classes.named(["a", "b"]), Classes.named(["c"]))
