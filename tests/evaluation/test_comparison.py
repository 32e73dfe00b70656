"""Two evaluations of the same images side by side."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError
from pixelwise.evaluation.comparison import Record, compare, load_record
from pixelwise.evaluation.details import Details
from pixelwise.evaluation.evaluation import Evaluation
from pixelwise.evaluation.tally import Tally, dense_counts


def record(name: str, right: list[int], ids: list[str] | None = None, classes: str = "ground wall") -> Record:
    """Images of 10 pixels of class 0, so many of them right and the others taken for class 1."""
    images = [[[0, r, 10, r], [1, 0, 0, 10 - r]] for r in right]
    names = tuple(classes.split())
    return Record(name, tuple(ids or [f"i{n}" for n in range(len(right))]), dense_counts(images, 2), names)


def test_a_steady_small_gain_is_sure_and_a_mixed_one_is_not() -> None:
    base = [index % 8 for index in range(40)]
    steady = compare(record("a", base), record("b", [value + 1 for value in base]))["metrics"][
        "pixel_accuracy"
    ]
    assert steady["difference"] == pytest.approx(0.1)
    assert steady["interval"] == pytest.approx([0.1, 0.1])
    assert steady["better"] == 1
    mixed = [value + (3 if index % 2 else -2) for index, value in enumerate([5] * 40)]
    unsure = compare(record("a", [5] * 40), record("b", mixed))["metrics"]["pixel_accuracy"]
    assert unsure["difference"] == pytest.approx(0.05)
    assert unsure["interval"][0] < 0 < unsure["interval"][1]
    assert 0.5 < unsure["better"] < 1


def test_the_same_run_twice_differs_by_nothing() -> None:
    one = record("a", [1, 5, 9])
    row = compare(one, one)["metrics"]["mean_iou"]
    assert (row["difference"], row["interval"], row["better"]) == (0, [0, 0], 0.5)


def test_figures_of_classes_and_images_by_hand() -> None:
    result = compare(record("a", [4, 8]), record("b", [6, 7]))
    ground, wall = result["per_class"]
    assert (ground["name"], ground["a"], ground["b"]) == ("ground", 12 / 20, 13 / 20)
    assert wall["a"] == wall["b"] == 0  # never true, but predicted
    assert result["metrics"]["mean_iou"]["a"] == pytest.approx((12 / 20 + 0) / 2)
    assert [entry["id"] for entry in result["gained"]] == ["i0"]
    assert result["gained"][0]["a"] == pytest.approx((4 / 10 + 0) / 2)
    assert [entry["id"] for entry in result["lost"]] == ["i1"]
    assert result["images"] == 2
    assert "paired bootstrap" in result["convention"]


def test_images_are_matched_by_id_whatever_their_order() -> None:
    forward = compare(record("a", [1, 5, 9]), record("b", [2, 6, 10]))
    turned = compare(record("a", [1, 5, 9]), record("b", [10, 6, 2], ["i2", "i1", "i0"]))
    assert forward == turned


def test_a_class_that_one_of_them_lacks_has_no_difference() -> None:
    never = record("a", [10, 10])  # neither true nor predicted: no IoU
    wall = compare(never, record("b", [9, 10]))["per_class"][1]
    assert (wall["a"], wall["b"], wall["difference"]) == (None, 0, None)


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (record("b", [1, 2], classes="ground sky"), "different classes: ground, wall against ground, sky"),
        (record("b", [1, 2], ["i0", "i7"]), "of different images: 2 are in only one of them, such as i1"),
        (record("b", [1, 2, 3]), "of different images: 1 are in only one of them, such as i2"),
    ],
)
def test_what_cannot_be_compared_is_refused(other: Record, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        compare(record("a", [1, 2]), other)


def test_labels_that_changed_in_between_are_refused() -> None:
    first = record("a", [1, 2])
    counts = dense_counts([[[0, 1, 10, 1], [1, 0, 0, 9]], [[0, 2, 9, 2], [1, 0, 0, 7]]], 2)
    with pytest.raises(
        DataError, match="labels of 1 image differ in the two evaluations, such as those of i1"
    ):
        compare(first, Record("b", first.ids, counts, first.classes))


def image(*counts: list[Any]) -> dict[str, Any]:
    return {"id": "x", "counts": list(counts)}


def content() -> dict[str, Any]:
    return {
        "format": 1,
        "model": "runs/mine",
        "views": "single scale",
        "crf": "deeplab",
        "per_class": [{"name": "ground"}, {"name": "wall"}],
        "per_image": [{"id": "x", "counts": [[0, 3, 4, 5], [1, 0, 2, 1]]}],
    }


def test_a_record_is_read_from_a_folder_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text(json.dumps(content()))
    for path in (tmp_path, tmp_path / "evaluation.json"):
        found = load_record(path)
        assert found.name == "runs/mine (single scale, CRF deeplab)"
        assert (found.ids, found.classes) == (("x",), ("ground", "wall"))
        assert found.counts.predicted.tolist() == [[5, 1]]


def test_what_python_saved_of_an_evaluation_is_read_and_called_as_its_file(tmp_path: Path) -> None:
    tally = Tally(2)
    tally.add("x", np.array([[0, 0, 1]], np.uint8), np.array([[0, 1, 1]], np.uint8))
    saved = Evaluation(Classes.named(["ground", "wall"]), (), tally, Details(2)).to_dict()
    (tmp_path / "a.json").write_text(json.dumps(saved))
    found = load_record(tmp_path / "a.json")
    assert (found.name, found.counts.right.tolist()) == (str(tmp_path / "a.json"), [[1, 1]])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 9}, "it has format 9; this pixelwise reads 1"),
        ({"per_image": []}, "per_image: .*at least 1 item"),
        ({"per_image": [{"id": "x"}]}, r"per_image\[0\].counts: Field required"),
        ({"per_image": [image([7, 1, 1, 1])]}, 'counts of "x" name a class twice, or one above 1'),
        ({"per_image": [image([-1, 1, 1, 1])]}, r"per_image\[0\].counts\[0\]\[0\]: .*greater than"),
        ({"per_image": [image([0, 1, 1, 1], [0, 1, 1, 1])]}, "name a class twice"),
        ({"per_image": [image([0, 5, 4, 5])]}, 'more pixels of "x" are right than there are'),
        ({"per_image": [image([0, 1, 10**400, 1])]}, r"counts\[0\]\[2\]: .*"),
        ({"per_image": [image([0, float("nan"), 1, 1])]}, r"counts\[0\]\[1\]: .*integer"),
        ({"per_image": [image()] * 2}, 'names the image "x" twice'),
        ({"per_class": "none"}, "per_class: .*valid array"),
        ({"model": None}, "model: .*valid string"),
    ],
)
def test_damaged_records_are_named(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    (tmp_path / "evaluation.json").write_text(json.dumps({**content(), **change}))
    with pytest.raises(DataError, match=complaint):
        load_record(tmp_path)


def test_what_is_no_record_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"evaluation.json cannot be read: No such file.*\nhint: make one with"
    ):
        load_record(tmp_path)
    (tmp_path / "a.json").write_text("mean iou 81 %")
    with pytest.raises(DataError, match=r"a.json is not an evaluation: Invalid JSON"):
        load_record(tmp_path / "a.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match=r"deep.json is not an evaluation: Invalid JSON: recursion"):
        load_record(tmp_path / "deep.json")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match=r"pipe.json cannot be read: it is a device, pipe or socket"):
        load_record(tmp_path / "pipe.json")
