"""The audit finds label faults before a training does."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.data.audit import audit
from pixelwise.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("ground\ncup\nspoon\n")
    for index in range(4):
        put(tmp_path, f"{index}", [[0, 1], [1, 255]])
    return tmp_path


def put(root: Path, name: str, rows: list[list[int]]) -> None:
    labels = np.array(rows, np.uint8)
    Image.fromarray(labels).save(root / f"labels/{name}.png")
    Image.new("RGB", labels.shape[::-1]).save(root / f"images/{name}.jpg")


def test_histogram_and_void_share_are_counted(folder: Path) -> None:
    report = audit(open_dataset(f"folder:{folder}", "all"))
    assert report.errors == []
    assert report.pixels == [4, 8, 0]
    assert report.main.images == [4, 4, 0]
    assert report.main.void_share == 4 / 16
    assert [finding.message for finding in report.warnings] == ["no pixel shows spoon"]


def test_every_kind_of_fault_is_found_and_named(folder: Path) -> None:
    put(folder, "range", [[0, 9], [9, 12]])
    put(folder, "size", [[0, 1]])
    Image.new("RGB", (5, 4)).save(folder / "images/size.jpg")
    (folder / "images/alone.jpg").write_bytes((folder / "images/0.jpg").read_bytes())
    put(folder, "broken", [[0]])
    (folder / "labels/broken.png").write_bytes(b"no picture")

    told: list[int] = []
    report = audit(open_dataset(f"folder:{folder}", "all"), told.append)
    assert told == list(range(1, 9))
    found = {finding.kind: finding.message for finding in report.errors}
    assert found.keys() == {"ids", "size", "missing", "unreadable"}
    assert "range: the ids 9, 12 (3 pixels, 75.0%) are out of range" in found["ids"]
    assert "size: the label is 2 x 1 pixels, its image 5 x 4" in found["size"]
    assert "alone: the label" in found["missing"]
    assert "broken.png cannot be read" in found["unreadable"]
    with pytest.raises(DataError, match="faults 4"):
        report.raise_errors()


@pytest.mark.parametrize("last", [[[0, 255], [255, 255]], [[0, 0], [0, 0]], [[255, 255], [255, 255]]])
def test_masks_of_0_and_255_are_recognised(folder: Path, last: list[list[int]]) -> None:
    for index in range(3):
        put(folder, f"{index}", [[0, 255], [255, 255]])
    put(folder, "3", last)
    report = audit(open_dataset(f"folder:{folder}", "all"))
    assert [finding.kind for finding in report.errors] == ["binary"]
    assert "save them with 1 instead" in report.errors[0].message
    assert "void" in [finding.kind for finding in report.warnings]


def test_labels_without_a_labelled_pixel_are_a_fault(folder: Path) -> None:
    report = audit(open_dataset(f"folder:{folder}", "all", "spoon"))
    assert [finding.kind for finding in report.errors] == ["unlabelled"]


def test_dropped_ids_are_no_fault(folder: Path) -> None:
    report = audit(open_dataset(f"folder:{folder}", "all", "cup"))
    assert report.errors == []
    assert report.pixels == [8]


def test_an_id_listed_twice_is_found(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/train.txt").write_text("a\na\n")
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "SegmentationClass").mkdir()
    Image.new("L", (2, 2)).save(tmp_path / "SegmentationClass/a.png")
    Image.new("RGB", (2, 2)).save(tmp_path / "JPEGImages/a.jpg")
    report = audit(open_dataset(f"voc:{tmp_path}", "train"))
    assert [finding.message for finding in report.errors] == ["a stands more than once in the list"]
