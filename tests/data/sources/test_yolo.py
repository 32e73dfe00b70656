"""Where YOLO's pictures and text files may lie."""

from pathlib import Path

import pytest
from label_files import write_photo

from pixelwise.core.errors import DataError, SplitError
from pixelwise.data import open_dataset, open_splits
from pixelwise.data.checks.audit import audit


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


@pytest.mark.parametrize(
    "names",
    [
        "",
        "path:\ntrain: images/Train\nvalidation: images/Validation",
        "Train: images/Train\nValidation: images/Validation\nTest: images/Test",
        "path: .\nTrain: Train.txt\nValidation: Validation.txt",
    ],
    ids=["folders alone", "no path", "folders", "lists"],
)
def test_the_subsets_of_cvat_are_splits(tmp_path: Path, names: str) -> None:
    (tmp_path / "data.yaml").write_text(f"names: [cat]\n{names}\n")
    for subset, pictures in (("Train", "abc"), ("Validation", "de")):
        for name in pictures:
            write_pair(tmp_path, f"{subset}/{name}")
        paths = [f"images/{subset}/{name}.jpg\n" for name in pictures]
        (tmp_path / f"{subset}.txt").write_text("".join(paths))
    found = {split: [id_[-1] for id_ in ids(tmp_path, split)] for split in ("train", "val", "all")}
    assert found == {"train": list("abc"), "val": list("de"), "all": list("abcde")}


def test_lists_of_cvat_may_name_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [cat]\ntrain: train.txt\nval: val.txt")
    for split in ("train", "val"):
        write_pair(tmp_path, f"{split}/a")
        (tmp_path / f"{split}.txt").write_text(f"data/images/{split}/a.jpg\n")
    assert (ids(tmp_path, "train"), ids(tmp_path, "val")) == (["train/a"], ["val/a"])


@pytest.mark.parametrize("names", ['{"1": dog, "0": cat}', "{1.0: dog, 0.0: cat}"])
def test_numbers_of_classes_may_be_quoted_or_floats(names: str, tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(f"names: {names}")
    write_pair(tmp_path, "a")
    assert open_dataset(f"yolo:{tmp_path}", "all").classes.names == ("background", "cat", "dog")


def test_text_files_without_a_picture_are_named_with_their_folder(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [cat]")
    write_pair(tmp_path, "day/a")
    (tmp_path / "images/day/a.jpg").unlink()
    with pytest.raises(DataError, match=r"no picture in .* for 1 label file, such as day/a.txt"):
        ids(tmp_path, "all")


def test_a_picture_without_a_text_file_has_no_objects_and_no_fault(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [cat]")
    write_pair(tmp_path, "a")
    write_photo(tmp_path / "images/b.jpg", 2, 3)
    data = open_dataset(f"yolo:{tmp_path}", "all")
    assert audit(data).errors == []
    assert data.read(1).labels.tolist() == [[0, 0, 0], [0, 0, 0]]
    (tmp_path / "labels/a.txt").unlink()
    with pytest.raises(DataError, match=r"the labels of .*images are missing: no text files in .*labels"):
        ids(tmp_path, "all")


def test_a_class_of_yolo_may_be_the_background(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [cat, background, dog]")
    write_pair(tmp_path, "a")
    lines = ("2 0 0 1 0 1 1 0 1", "1 0 0 0.4 0 0.4 1 0 1", "0 0 0 0.2 0 0.2 0.5 0 0.5")
    (tmp_path / "labels/a.txt").write_text("\n".join(lines))
    data = open_dataset(f"yolo:{tmp_path}", "all")
    assert data.classes.names == ("background", "cat", "dog")
    assert data.read(0).labels.tolist() == [[1, 0, 2, 2, 2]] * 2 + [[0, 0, 2, 2, 2]] * 2


@pytest.mark.parametrize("name", ["cat", "background"])
def test_two_classes_of_one_name_are_refused_and_not_taken_for_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "data.yaml").write_text(f"names: [{name}, dog, {name}]")
    write_pair(tmp_path, "a")
    with pytest.raises(DataError, match=f"class names must differ, but these repeat: {name}"):
        open_dataset(f"yolo:{tmp_path}", "all")


def write_lists(root: Path, **splits: list[str]) -> None:
    """Text files of paths."""
    for split, lines in splits.items():
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("[images/a, images/b]", "[images/c]"),
        ("[images/a, b.txt]", "images/c"),
        ("train.txt", "val.txt"),
        ("[train.txt]", "[./val.txt]"),
        ("absolute.txt", "windows.txt"),
        ("../images/a.txt", "val.txt"),
    ],
)
def test_splits_may_be_lists_of_folders_and_text_files_of_paths(tmp_path: Path, train: str, val: str) -> None:
    for name in ("a/0", "a/1", "b/2", "c/3", "unlisted/4"):
        write_pair(tmp_path, name)
    of_train = [f"images/{name}.jpg" for name in ("a/0", "a/1", "b/2")]
    write_lists(
        tmp_path,
        train=[f"./{name}" for name in of_train],
        val=["images/c/3.jpg", ""],
        b=["./images/b/2.jpg"],
        absolute=[str(tmp_path / name) for name in of_train],
        windows=["images\\c\\3.jpg"],
    )
    (tmp_path / "images/a.txt").write_text("".join(f"./{name}.jpg\n" for name in ("a/0", "a/1", "b/2")))
    (tmp_path / "data.yaml").write_text(f"names: [cat]\npath: .\ntrain: {train}\nval: {val}")
    assert ids(tmp_path, "train") == ["a/0", "a/1", "b/2"]
    assert [name.removeprefix("c/") for name in ids(tmp_path, "val")] == ["3"]
    for split, count in (("train", 3), ("val", 1), ("all", 4)):
        data = open_dataset(f"yolo:{tmp_path}", split)
        assert [data.read(index).labels.all() for index in range(len(data))] == [True] * count


@pytest.mark.parametrize("train", ["pictures/images", "[pictures/images]", "train.txt", "images/train"])
def test_without_val_the_pictures_of_train_are_split(tmp_path: Path, train: str) -> None:
    folder = "images/train" if train == "images/train" else "pictures/images"
    names = [f"{number:02}" for number in range(20)]
    for name in names:
        write_pair(tmp_path / "new", name)
    for part in ("images", "labels"):
        place = tmp_path / folder.replace("images", part)
        place.parent.mkdir(exist_ok=True)
        (tmp_path / "new" / part).rename(place)
    write_lists(tmp_path, train=[f"{folder}/{name}.jpg" for name in names])
    (tmp_path / "data.yaml").write_text(f"names: [cat]\ntrain: {train}\n")
    found = {split: [name.rpartition("/")[2] for name in ids(tmp_path, split)] for split in ("train", "val")}
    assert found["val"] == ["09", "19"]
    assert sorted(found["train"] + found["val"]) == names
    assert len(ids(tmp_path, "all")) == 20


def test_pictures_of_several_data_sets_have_different_ids(tmp_path: Path) -> None:
    for root in ("one", "two"):
        write_pair(tmp_path / root, "0")
    (tmp_path / "data.yaml").write_text("names: [cat]\ntrain: [one/images, two/images]\nval: [two/images]")
    assert ids(tmp_path, "train") == ["one/images/0", "two/images/0"]
    assert len(open_dataset(f"yolo:{tmp_path}", "val")) == 1


@pytest.mark.parametrize("val", ["val.txt", "[images/a, images/c]"])
def test_a_split_that_names_what_is_not_there_is_refused(tmp_path: Path, val: str) -> None:
    """Other pictures are not taken instead, and all splits are not those without it."""
    write_pair(tmp_path, "a/0")
    (tmp_path / "data.yaml").write_text(f"names: [cat]\ntrain: [images/a]\nval: {val}")
    with pytest.raises(DataError, match=r"val pictures that are missing: .*(val.txt|images/c)\n.*a .txt"):
        ids(tmp_path, "val")
    with pytest.raises(DataError, match="missing"):
        open_splits(f"yolo:{tmp_path}")
    assert ids(tmp_path, "train") == ["0"]


def test_a_split_whose_folder_is_not_there_is_none(tmp_path: Path) -> None:
    """As where a program names a folder of test pictures that it has not made."""
    write_pair(tmp_path, "a/0")
    (tmp_path / "data.yaml").write_text("names: [cat]\ntrain: [images/a]\nval: images/c\ntest: test.txt")
    for split in ("val", "test"):
        with pytest.raises(SplitError, match=rf'no split "{split}": .* not found\n.*a .txt file'):
            ids(tmp_path, split)


def test_listed_pictures_need_some_text_file_of_outlines(tmp_path: Path) -> None:
    for name in ("a/0", "a/1"):
        write_pair(tmp_path, name)
    write_lists(tmp_path, train=["images/a/0.jpg", "images/a/1.jpg"], val=["images/a/1.jpg"])
    (tmp_path / "data.yaml").write_text("names: [cat]\ntrain: train.txt\nval: val.txt")
    (tmp_path / "labels/a/1.txt").unlink()
    data = open_dataset(f"yolo:{tmp_path}", "train")
    assert [data.read(index).labels.any() for index in (0, 1)] == [True, False]
    with pytest.raises(DataError, match=r"pictures in .*val.txt are missing: .*1.txt not found"):
        ids(tmp_path, "val")
