"""Where YOLO's pictures and text files may lie."""

from pathlib import Path

import pytest
from label_files import write_photo

from pixelwise.core.errors import DataError, SplitError
from pixelwise.data import open_dataset


def write_pair(root: Path, name: str) -> None:
    for folder in ("images", "labels"):
        (root / folder / name).parent.mkdir(parents=True, exist_ok=True)
    write_photo(root / f"images/{name}.jpg", 4, 5)
    (root / f"labels/{name}.txt").write_text("0 0 0 1 0 1 1 0 1\n")


def ids(root: Path, split: str) -> list[str]:
    return [entry.id for entry in open_dataset(f"yolo:{root}", split).entries]


def test_pictures_may_lie_in_subfolders_of_a_split_but_not_of_another(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [cat]")
    for name in ("a", "day/a", ".hidden/b"):
        write_pair(tmp_path, name)
    assert (ids(tmp_path, "all"), ids(tmp_path, "val")) == (["a", "day/a"], ["day/a"])
    write_pair(tmp_path, "train/day/c")
    assert ids(tmp_path, "train") == ["day/c"]
    with pytest.raises(SplitError, match='no split "val"'):
        ids(tmp_path, "val")
    (tmp_path / "data.yaml").write_text("names: [cat]\ntrain: images\nval: images")
    assert ids(tmp_path, "all") == ["a", "day/a", "train/day/c"]


def test_text_files_without_a_picture_are_named_with_their_folder(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [cat]")
    write_pair(tmp_path, "day/a")
    (tmp_path / "images/day/a.jpg").unlink()
    with pytest.raises(DataError, match=r"1 label files have no picture in .*, day/a.txt for one"):
        ids(tmp_path, "all")
