"""Real-format files of every source, written here and read back."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.errors import DataError
from pixelwise.labels import voc_palette

Label = Callable[[Path, list[list[int]]], None]


def write_photo(path: Path, height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (10, 20, 30)).save(path)


def write_label(path: Path, rows: list[list[int]], mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.array(rows, np.uint8))
    if mode == "P":
        image.putpalette([value for colour in voc_palette() for value in colour])
    image.save(path)


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    root = tmp_path / "VOC2012"
    for id_ in ("2007_1", "2007_2"):
        write_photo(root / f"JPEGImages/{id_}.jpg", 1, 3)
    write_label(root / "SegmentationClass/2007_1.png", [[0, 15, 255]], "P")
    write_label(root / "SegmentationClassAug/2007_1.png", [[0, 0, 0]], "P")
    write_label(root / "SegmentationClassAug/2007_2.png", [[8, 8, 20]], "P")
    lists = root / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("2007_1\n2007_2\n")
    return root


def test_voc_prefers_original_labels_over_merged_ones(voc: Path) -> None:
    data = open_dataset(f"voc:{voc}", "val")
    assert len(data) == 2
    assert len(data.classes) == 21
    assert data.read(0).labels.tolist() == [[0, 15, 255]]
    assert data.read(1).labels.tolist() == [[8, 8, 20]]
    assert data.read(0).image.shape == (1, 3, 3)


def test_a_list_takes_part_of_a_split_in_the_split_s_order(voc: Path, tmp_path: Path) -> None:
    ids = tmp_path / "half.txt"
    ids.write_text("2007_2\n2007_1\n\n2007_2")
    assert [pair.id for pair in open_dataset(f"voc:{voc}", "val", ids=ids).pairs] == ["2007_1", "2007_2"]
    ids.write_text("2007_2\n")
    half = open_dataset(f"voc:{voc}", "val", classes="background,cat", ids=ids)
    assert [pair.id for pair in half.pairs] == ["2007_2"]
    assert half.read(0).labels.tolist() == [[1, 1, 255]]
    assert half.name.endswith("val (half.txt)")


def test_a_list_that_does_not_fit_is_refused(voc: Path, tmp_path: Path) -> None:
    ids = tmp_path / "half.txt"
    with pytest.raises(DataError, match=r"half.txt cannot be read: No such file"):
        open_dataset(f"voc:{voc}", "val", ids=ids)
    ids.write_text(" \n")
    with pytest.raises(DataError, match=r"half.txt is empty"):
        open_dataset(f"voc:{voc}", "val", ids=ids)
    ids.write_text("2007_1 2007_3 2007_4")
    with pytest.raises(DataError, match=r"half.txt names 2 ids that .* does not have, 2007_3 for one"):
        open_dataset(f"voc:{voc}", "val", ids=ids)


def test_voc_without_the_year_folder_proposes_it(voc: Path) -> None:
    with pytest.raises(DataError, match=f"try voc:{voc}"):
        open_dataset(f"voc:{voc.parent}", "val")


def test_voc_without_the_split_names_those_there_are(voc: Path) -> None:
    with pytest.raises(DataError, match="the splits there are: val"):
        open_dataset(f"voc:{voc}", "train")


@pytest.mark.parametrize("layout", ["folders", "annot"])
def test_camvid_in_both_layouts_takes_11_as_void(tmp_path: Path, layout: str) -> None:
    images, labels = {"folders": ("val/images", "val/labels"), "annot": ("val", "valannot")}[layout]
    write_photo(tmp_path / images / "0001.png", 1, 3)
    write_label(tmp_path / labels / "0001.png", [[10, 11, 0]])
    data = open_dataset(f"camvid:{tmp_path}", "val")
    assert data.classes.names[0] == "sky"
    assert data.classes.names[10] == "bicyclist"
    assert data.read(0).labels.tolist() == [[10, 255, 0]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(12):
        write_photo(tmp_path / f"images/{index:02}.jpg", 1, 2)
        write_label(tmp_path / f"labels/{index:02}.png", [[0, 1]])
    (tmp_path / "classes.txt").write_text("table\ncup\n")
    return tmp_path


def test_folder_without_splits_holds_every_tenth_image_out(folder: Path) -> None:
    train, val, everything = (open_dataset(f"folder:{folder}", split) for split in ("train", "val", "all"))
    assert [pair.id for pair in val.pairs] == ["09"]
    assert len(train) == 11
    assert len(everything) == 12
    assert everything.classes.names == ("table", "cup")


def test_folder_with_splits_uses_them(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_photo(tmp_path / split / "images" / f"{split}.png", 1, 1)
        write_label(tmp_path / split / "labels" / f"{split}.png", [[0]])
    (tmp_path / "classes.txt").write_text("only")
    assert [pair.id for pair in open_dataset(f"folder:{tmp_path}", "val").pairs] == ["val"]


def test_folder_without_class_names_says_how_to_write_them(folder: Path) -> None:
    (folder / "classes.txt").unlink()
    with pytest.raises(DataError, match="one name per line"):
        open_dataset(f"folder:{folder}", "train")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"table\n\ncup\n", "line 2 is empty"),
        ("café".encode("latin-1"), "utf-8"),
        (b"cup\ncup\n", "these repeat: cup"),
        (b"", "1 to 255 classes"),
    ],
)
def test_faults_of_the_class_names_are_told(folder: Path, content: bytes, complaint: str) -> None:
    (folder / "classes.txt").write_bytes(content)
    with pytest.raises(DataError, match=complaint):
        open_dataset(f"folder:{folder}", "train")


def test_a_byte_order_mark_is_no_part_of_a_name(folder: Path) -> None:
    (folder / "classes.txt").write_bytes(b"\xef\xbb\xbfbackground\r\ncup\r\n\r\n")
    assert open_dataset(f"folder:{folder}", "train").classes.names == ("background", "cup")


def test_two_pictures_of_one_name_are_refused_and_hidden_files_left_out(folder: Path) -> None:
    (folder / "images/._00.jpg").write_bytes(b"not a picture")
    assert len(open_dataset(f"folder:{folder}", "all")) == 12
    write_photo(folder / "images/00.png", 1, 2)
    with pytest.raises(DataError, match="differ only in their ending"):
        open_dataset(f"folder:{folder}", "train")


def test_a_sideways_photo_is_read_upright(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1, 2)).save(folder / "images/00.jpg", exif=exif)
    assert open_dataset(f"folder:{folder}", "all").read(0).image.shape == (1, 2, 3)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("nowhere", "cannot tell what kind of data"),
        ("coco:/tmp", "kinds voc, folder, camvid"),
        ("voc:/no/such/place", "is no folder"),
    ],
)
def test_a_wrong_spec_says_what_is_expected(spec: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        open_dataset(spec, "train")


def test_each_broken_file_is_named_with_its_reason(folder: Path) -> None:
    data = open_dataset(f"folder:{folder}", "all")
    labels = folder / "labels"
    Image.new("RGB", (2, 1)).save(labels / "00.png")
    write_label(labels / "01.png", [[0, 7]])
    write_label(labels / "02.png", [[0], [1]])
    (labels / "03.png").write_bytes((labels / "04.png").read_bytes()[:40])
    (folder / "images/05.jpg").unlink()
    Image.fromarray(np.array([[0, 700]], np.uint16)).save(labels / "06.png")
    complaints = {
        0: "00.png has mode RGB, which is no map of ids",
        1: r"01.png holds the ids 7, but only 0 to 1, 255 are known",
        2: r"02.png is 1 x 2 pixels, its image .*02.jpg 2 x 1",
        3: "03.png cannot be read",
        5: "05.jpg does not exist",
        6: "06.png holds ids up to 700",
    }
    for index, complaint in complaints.items():
        with pytest.raises(DataError, match=complaint):
            data.read(index)


@pytest.mark.parametrize(("mode", "expected"), [("1", [[0, 1]]), ("I;16", [[0, 1]])])
def test_label_files_of_other_depths_are_read(folder: Path, mode: str, expected: list[list[int]]) -> None:
    array = np.array([[False, True]]) if mode == "1" else np.array([[0, 1]], np.uint16)
    Image.fromarray(array).save(folder / "labels/00.png")
    with Image.open(folder / "labels/00.png") as image:
        assert image.mode == mode
    assert open_dataset(f"folder:{folder}", "all").read(0).labels.tolist() == expected
