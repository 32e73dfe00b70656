"""Lists of one's own files, CSV and JSON lines."""

import json
from pathlib import Path

import pytest
from label_files import write_label, write_list, write_photo

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    for name in ("1", "2"):
        write_photo(tmp_path / f"photos/{name}.jpg", 1, 2)
        write_label(tmp_path / f"masks/{name}.png", [[0, 1]])
        write_label(tmp_path / f"masks/{name}_surface.png", [[1, 1]])
        write_label(tmp_path / f"depth/{name}.png", [[9, 8]])
    (tmp_path / "classes.txt").write_text("table\ncup\n")
    (tmp_path / "classes.surface.txt").write_text("flat\nround\n")
    return tmp_path


CSV = """image,label,split,label.surface,channel.depth
photos/1.jpg,masks/1.png,train,masks/1_surface.png,depth/1.png
photos/2.jpg,masks/2.png,val,masks/2_surface.png,depth/2.png
"""


@pytest.mark.parametrize("name", ["val", "Val", "valid", "validation"])
def test_the_split_val_of_a_list_has_other_names(listed: Path, name: str) -> None:
    (listed / "all.csv").write_text(CSV.replace(",val,", f",{name},"))
    (entry,) = open_dataset(f"manifest:{listed / 'all.csv'}", "val").entries
    assert entry.id == "2"


def test_a_split_of_the_very_name_comes_before_others_that_mean_it(listed: Path) -> None:
    (listed / "all.csv").write_text(CSV.replace(",train,", ",valid,"))
    for split, id_ in (("val", "2"), ("valid", "1")):
        assert [entry.id for entry in open_dataset(f"manifest:{listed / 'all.csv'}", split).entries] == [id_]


def test_all_is_train_and_val_and_what_has_other_names_is_left_out(listed: Path) -> None:
    def ids(*splits: str) -> list[str]:
        rows = [f"a/{split}.jpg,a/{split}.png,{split}\n" for split in splits]
        (listed / "all.csv").write_text("image,label,split\n" + "".join(rows))
        return [entry.id for entry in open_dataset(f"manifest:{listed / 'all.csv'}", "all").entries]

    assert ids("train", "Validation", "test", "unused") == ["train", "Validation"]
    assert ids("fold1", "fold2") == ["fold1", "fold2"], "without train and val it is everything"
    assert ids("train", "all") == ["all"]


def test_a_csv_list_has_splits_heads_and_channels(listed: Path) -> None:
    (listed / "all.csv").write_text("\ufeff" + CSV)
    data = open_dataset(f"manifest:{listed / 'all.csv'}", "val").with_channels("depth")
    sample = data.read(0)
    assert sample.id == "2"
    assert {name: labels.tolist() for name, labels in sample.heads.items()} == {
        "semantic": [[0, 1]],
        "surface": [[1, 1]],
    }
    assert sample.channels["depth"].tolist() == [[[9], [8]]]
    with pytest.raises(DataError, match="there are train, val, all"):
        open_dataset(f"manifest:{listed / 'all.csv'}", "test")


def test_a_jsonl_list_without_splits_is_split_as_a_folder_is(listed: Path) -> None:
    lines = [
        json.dumps({"image": f"photos/{n}.jpg", "label": f"masks/{n}.png", "id": f"no {n}"}) for n in "12"
    ]
    (listed / "all.jsonl").write_text("\n".join(lines))
    splits = [open_dataset(f"manifest:{listed / 'all.jsonl'}", split) for split in ("train", "val")]
    assert [[entry.id for entry in split.entries] for split in splits] == [["no 1"], ["no 2"]]


def test_pictures_of_one_name_in_several_folders_have_different_ids(tmp_path: Path) -> None:
    lines = ["image,label,id", "a/1.jpg,a/1.png,", "b/1.jpg,b/1.png,", "b/2.jpg,b/2.png,", "b/1.jpg,x.png,x"]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    entries = open_dataset(f"manifest:{tmp_path / 'list.csv'}", "all").entries
    assert [entry.id for entry in entries] == ["a/1", "b/1", "2", "x"]


def test_pictures_of_one_name_in_different_splits_keep_it(tmp_path: Path) -> None:
    """It was their id before pictures of one split could share a name."""
    lines = ["image,label,split", "train/1.jpg,a.png,train", "val/1.jpg,b.png,val"]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    ids = {
        split: [entry.id for entry in open_dataset(f"manifest:{tmp_path / 'list.csv'}", split).entries]
        for split in ("train", "val", "all")
    }
    assert ids == {"train": ["1"], "val": ["1"], "all": ["train/1", "val/1"]}


def test_paths_with_backslashes_are_understood(listed: Path) -> None:
    (listed / "all.csv").write_text("image,label\nphotos\\1.jpg,masks\\1.png\n")
    data = open_dataset(f"manifest:{listed / 'all.csv'}", "all")
    assert data.entries[0].id == "1"
    assert data.read(0).labels.tolist() == [[0, 1]]
    line = {"image": "photos\\1.jpg", "label": "masks\\1.png", "label.surface": "masks\\1_surface.png"}
    (listed / "all.jsonl").write_text(json.dumps(line))
    sample = open_dataset(f"manifest:{listed / 'all.jsonl'}", "all").read(0)
    assert (sample.id, sample.heads["surface"].tolist()) == ("1", [[1, 1]])


def test_line_separators_within_a_name_are_part_of_it(listed: Path) -> None:
    (listed / "photos/1.jpg").rename(listed / "photos/a\u2028b.jpg")
    (listed / "all.csv").write_text("image,label\nphotos/a\u2028b.jpg,masks/1.png\n")
    (listed / "all.jsonl").write_text('{"image": "photos/a\u2028b.jpg", "label": "masks/1.png"}')
    for name in ("all.csv", "all.jsonl"):
        data = open_dataset(f"manifest:{listed / name}", "all")
        assert [entry.id for entry in data.entries] == ["a\u2028b"]
        assert data.read(0).labels.tolist() == [[0, 1]]


def test_lines_of_other_splits_need_no_label(listed: Path) -> None:
    (listed / "a.csv").write_text(
        "image,label,split\nphotos/1.jpg,masks/1.png,train\nphotos/2.jpg,,test\nphotos/1.jpg,masks/1.png,val\n"
    )
    assert len(open_dataset(f"manifest:{listed / 'a.csv'}", "all").entries) == 2
    with pytest.raises(DataError, match=r"a\.csv, line 3: no label"):
        open_dataset(f"manifest:{listed / 'a.csv'}", "test")


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.csv", "image,label\n" + "x" * 3_000_000 + ",b\n", "a.csv, line 2: not CSV: field larger"),
        ("a.csv", 'image,label\n"photos/1.jpg,masks/1.png\nphotos/2.jpg,masks/2.png\n', "a.csv, .*not CSV"),
        ("a.jsonl", '{"image": ' + "9" * 5000 + ', "label": "b"}', "a.jsonl, line 1: not JSON: Exceeds"),
        ("a.csv", "image,label\n" + "x" * 100_000 + ",b\n", "a.csv, line 2: image has more than 4,096 char"),
        ("a.jsonl", "[" * 100_000, "a.jsonl, line 1: not JSON"),
        ("a.jsonl", '{"image": ["a"], "label": "b"}', "a.jsonl, line 1: image is a list, not text"),
        ("a.csv", "image,mask\nphotos/1.jpg,masks/1.png\n", "a.csv, line 2: no label, only image, mask"),
        ("a.csv", "image;label\nphotos/1.jpg;masks/1.png\n", "2: no image and no label, only image;label"),
        (
            "a.csv",
            "image,label,split\nphotos/1.jpg,masks/1.png,train\nphotos/2.jpg,masks/2.png,\n",
            "a.csv: 1 line without a split, while others have one, such as line 3",
        ),
        ("a.jsonl", '{"image": "photos/1.jpg"\n', "a.jsonl, line 1: not JSON"),
        ("a.jsonl", "[1]\n", "a.jsonl, line 1: expected an object"),
        ("a.csv", CSV.replace("masks/2_surface.png", ""), r"2 has the heads \['semantic'\], others"),
    ],
)
def test_faults_of_a_list_are_told_with_their_line(
    listed: Path, name: str, text: str, complaint: str
) -> None:
    (listed / name).write_text(text)
    with pytest.raises(DataError, match=complaint):
        open_dataset(f"manifest:{listed / name}", "all")


def test_paths_of_windows_are_read(tmp_path: Path) -> None:
    write_photo(tmp_path / "images/a.png", 2, 2)
    write_label(tmp_path / "labels/a.png", [[0, 1], [1, 0]])
    write_list(tmp_path / "classes.txt", "one", "two")
    write_list(tmp_path / "list.csv", "image,label", "images\\a.png,labels\\a.png")
    data = open_dataset(f"manifest:{tmp_path / 'list.csv'}", "all")
    assert data.entries[0].id == "a"
    assert data.read(0).labels.tolist() == [[0, 1], [1, 0]]
