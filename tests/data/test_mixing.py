"""Two data sets with different class lists as one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset
from pixelwise.data.mixing import mixed


def write(root: Path, names: str, ids: list[int], stem: str = "a") -> str:
    """A folder with one picture, a row of these ids."""
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    labels = np.array([ids], np.uint8)
    Image.fromarray(np.zeros((1, len(ids), 3), np.uint8)).save(root / "images" / f"{stem}.png")
    Image.fromarray(labels).save(root / "labels" / f"{stem}.png")
    (root / "classes.txt").write_text("\n".join(names.split()))
    return f"folder:{root}"


@pytest.fixture
def streets(tmp_path: Path) -> str:
    return write(tmp_path / "streets", "sky building car tree", [0, 1, 2, 3, 255])


def test_samples_of_the_other_set_get_the_classes_of_the_main_one(tmp_path: Path, streets: str) -> None:
    other = write(tmp_path / "fronts", "building door vegetation window", [0, 1, 2, 3, 255], "b")
    main = open_dataset(streets, "all")
    both = mixed(main, open_dataset(other, "all"), "tree=vegetation,building=building+door")
    assert both.classes.names == ("sky", "building", "car", "tree")
    assert both.read(0).labels.tolist() == [[0, 1, 2, 3, 255]]
    assert both.read(1).labels.tolist() == [[1, 1, 3, 255, 255]]
    assert both.entries[0].labelled is None
    assert both.entries[1].labelled == frozenset({1, 3})


def test_without_a_list_classes_of_equal_names_are_the_same(tmp_path: Path, streets: str) -> None:
    other = write(tmp_path / "fronts", "car building", [0, 1, 255], "b")
    both = mixed(open_dataset(streets, "all"), open_dataset(other, "all"))
    assert both.read(1).labels.tolist() == [[2, 1, 255]]
    assert both.entries[1].labelled == frozenset({1, 2})


def test_labels_whose_void_is_not_255_are_translated_too(tmp_path: Path, streets: str) -> None:
    for part in ("images", "labels"):
        (tmp_path / "camvid/train" / part).mkdir(parents=True)
    Image.new("RGB", (3, 1)).save(tmp_path / "camvid/train/images/c.png")
    Image.fromarray(np.array([[0, 8, 11]], np.uint8)).save(tmp_path / "camvid/train/labels/c.png")
    both = mixed(open_dataset(f"camvid:{tmp_path / 'camvid'}", "train"), open_dataset(streets, "all"))
    assert both.read(0).labels.tolist() == [[0, 8, 255]]
    assert both.read(1).labels.tolist() == [[0, 1, 8, 5, 255]]


def test_samples_with_equal_ids_stay_apart(tmp_path: Path, streets: str) -> None:
    other = write(tmp_path / "fronts", "car", [0])
    both = mixed(open_dataset(streets, "all"), open_dataset(other, "all"))
    assert [entry.id for entry in both.entries] == ["a", "also_a"]


def test_a_class_that_the_main_set_lacks_is_an_error_that_names_it(tmp_path: Path, streets: str) -> None:
    other = write(tmp_path / "fronts", "car door", [0, 1], "b")
    with pytest.raises(DataError, match="door") as caught:
        mixed(open_dataset(streets, "all"), open_dataset(other, "all"))
    assert caught.value.hint is not None
    assert "sky, building, car, tree" in caught.value.hint


def test_an_id_that_no_class_has_is_an_error_that_names_the_file(tmp_path: Path, streets: str) -> None:
    other = write(tmp_path / "fronts", "car", [0, 7], "b")
    both = mixed(open_dataset(streets, "all"), open_dataset(other, "all"))
    with pytest.raises(DataError, match=r"b\.png holds the ids 7"):
        both.read(1)
