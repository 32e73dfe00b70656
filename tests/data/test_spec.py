"""KIND:PATH, and lists of the ids to take."""

from pathlib import Path

import pytest
from label_files import write_label, write_photo

from pixelwise.data import open_dataset
from pixelwise.data.spec import without_folders
from pixelwise.errors import DataError


def test_a_list_names_ids_with_blanks_too(tmp_path: Path) -> None:
    for name in ("my cat 1", "my cat 2", "dog"):
        write_photo(tmp_path / f"images/{name}.png", 1, 2)
        write_label(tmp_path / f"labels/{name}.png", [[0, 1]])
    (tmp_path / "classes.txt").write_text("ground\nanimal\n")
    (tmp_path / "some.txt").write_text("my cat 2\r\ndog\n")
    some = open_dataset(f"folder:{tmp_path}", "all", ids=tmp_path / "some.txt")
    assert [entry.id for entry in some.entries] == ["dog", "my cat 2"]


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
