"""KIND:PATH, and lists of the ids to take."""

import json
from pathlib import Path
from typing import Any

import pytest
from label_files import write_label, write_photo

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset
from pixelwise.data.spec import open_splits, without_folders


def test_a_list_names_ids_with_blanks_too(tmp_path: Path) -> None:
    for name in ("my cat 1", "my cat 2", "dog"):
        write_photo(tmp_path / f"images/{name}.png", 1, 2)
        write_label(tmp_path / f"labels/{name}.png", [[0, 1]])
    (tmp_path / "classes.txt").write_text("ground\nanimal\n")
    (tmp_path / "some.txt").write_text("my cat 2\r\ndog\n")
    some = open_dataset(f"folder:{tmp_path}", "all", ids=tmp_path / "some.txt")
    assert open_dataset(f"folder:{tmp_path}", "all", ids=str(tmp_path / "some.txt")) == some
    assert [entry.id for entry in some.entries] == ["dog", "my cat 2"]


def test_all_is_the_usual_splits_together(tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("val", "b")):
        write_photo(tmp_path / f"{split}/images/{name}.png", 1, 2)
        write_label(tmp_path / f"{split}/labels/{name}.png", [[0, 1]])
    (tmp_path / "classes.txt").write_text("ground\nanimal\n")
    everything = open_dataset(f"folder:{tmp_path}", "all")
    assert everything.name == f"folder:{tmp_path} all"
    assert [entry.id for entry in everything.entries] == ["a", "b"]
    assert everything.read(1).labels.tolist() == [[0, 1]]
    assert list(open_splits(f"folder:{tmp_path}", "all")) == ["all"]
    for part in ("images", "labels"):
        (tmp_path / f"val/{part}/b.png").rename(tmp_path / f"val/{part}/a.png")
    with pytest.raises(DataError, match="train and val have ids in common, such as a\nhint: use one of them"):
        open_dataset(f"folder:{tmp_path}", "all")


def test_all_needs_splits_of_the_same_classes(tmp_path: Path) -> None:
    for split, name in (("train", "cat"), ("val", "dog")):
        content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": name}]}
        (tmp_path / "annotations").mkdir(exist_ok=True)
        (tmp_path / f"annotations/instances_{split}.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="train and val differ in their classes"):
        open_dataset(f"coco:{tmp_path}", "all")


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("nowhere", "cannot tell what kind of data"),
        ("jpeg:/tmp", "kinds are folder, manifest, voc, sbd"),
        (".", "for example folder:."),
        ("voc:/no/such/place", "expected a folder, but /no/such/place does not exist"),
        ("coco:/no/such.json", "expected a folder or .json file, but /no/such.json does not exist"),
        ("voc:/tmp,year=2012", "options that voc does not know: year"),
    ],
)
def test_a_wrong_spec_says_what_is_expected(spec: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        open_dataset(spec, "train")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("voc:/home/me/VOC2012", "voc:VOC2012"),
        ("folder:photos", "folder:photos"),
        ("coco:/home/me/a.json,images=/home/me/photos", "coco:a.json,images=photos"),
        ("camvid:/home/me/CamVid,classes=11", "camvid:CamVid,classes=11"),
    ],
)
def test_records_name_data_without_the_folders_it_lies_in(spec: str, expected: str) -> None:
    assert without_folders(spec) == expected


@pytest.mark.parametrize("split", ["x" * 5000, "a/" * 3000])
def test_names_that_the_system_refuses_are_errors_of_the_data(tmp_path: Path, split: str) -> None:
    with pytest.raises(DataError):
        open_dataset(f"folder:{tmp_path}", split)
    with pytest.raises(DataError):
        open_dataset(f"folder:{tmp_path / split}", "train")


def test_a_folder_that_cannot_be_listed_is_an_error_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    (tmp_path / "classes.txt").write_text("a")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=r"cannot be read: Permission denied: .*images"):
        open_dataset(f"folder:{tmp_path}", "all")


def test_specs_and_splits_of_another_type_are_refused() -> None:
    nothing: Any = None
    with pytest.raises(DataError, match='cannot tell what kind of data "None" is'):
        open_dataset(nothing, "val")
    with pytest.raises(ValueError, match='expected the name of a split, such as "val", got None'):
        open_dataset("folder:x", nothing)
