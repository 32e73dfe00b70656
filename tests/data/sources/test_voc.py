"""PASCAL VOC, in files written here and in real ones where there are any."""

from pathlib import Path

import numpy as np
import pytest
from label_files import write_label, write_list, write_mat, write_photo

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset
from pixelwise.data.sources.boxes import open_boxes

SHARED = Path(__file__).parents[4] / "shared/data"


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    root = tmp_path / "VOC2012"
    for id_ in ("2007_1", "2007_2"):
        write_photo(root / f"JPEGImages/{id_}.jpg", 1, 3)
    write_label(root / "SegmentationClass/2007_1.png", [[0, 15, 255]], "P")
    write_label(root / "SegmentationClassAug/2007_1.png", [[0, 0, 0]], "P")
    write_label(root / "SegmentationClassAug/2007_2.png", [[8, 8, 20]], "P")
    write_list(root / "ImageSets/Segmentation/val.txt", "2007_1", "2007_2")
    return root


def test_voc_prefers_original_labels_over_merged_ones(voc: Path) -> None:
    data = open_dataset(f"voc:{voc}", "val")
    assert len(data) == 2
    assert len(data.classes) == 21
    assert data.read(0).labels.tolist() == [[0, 15, 255]]
    assert data.read(1).labels.tolist() == [[8, 8, 20]]
    assert data.read(0).image.shape == (1, 3, 3)


def test_pictures_of_data_laid_out_like_voc_may_have_other_endings(voc: Path) -> None:
    (voc / "JPEGImages/2007_2.jpg").unlink()
    write_photo(voc / "JPEGImages/2007_2.PNG", 1, 3)
    names = [entry.image.path.name for entry in open_dataset(f"voc:{voc}", "val").entries]
    assert names == ["2007_1.jpg", "2007_2.PNG"]
    (voc / "JPEGImages/2007_2.PNG").unlink()
    with pytest.raises(DataError, match=r"2007_2.jpg: no such file"):
        open_dataset(f"voc:{voc}", "val").read(1)


def test_names_may_have_blanks_and_lists_a_second_column(voc: Path) -> None:
    for name in ("my photo 1", "my photo 2"):
        write_photo(voc / f"JPEGImages/{name}.jpg", 1, 3)
    write_list(voc / "ImageSets/Segmentation/val.txt", "my photo 2", "2007_1  1", "2007_2 -1", "my photo 1")
    found = [entry.id for entry in open_dataset(f"voc:{voc}", "val").entries]
    assert found == ["my photo 2", "2007_1", "2007_2", "my photo 1"]


def test_a_list_takes_part_of_a_split_in_the_split_s_order(voc: Path, tmp_path: Path) -> None:
    ids = tmp_path / "half.txt"
    ids.write_text("2007_2\n2007_1\n\n2007_2")
    assert [entry.id for entry in open_dataset(f"voc:{voc}", "val", ids=ids).entries] == ["2007_1", "2007_2"]
    ids.write_text("2007_2\n")
    half = open_dataset(f"voc:{voc}", "val", classes="background,cat", ids=ids)
    assert [entry.id for entry in half.entries] == ["2007_2"]
    assert half.read(0).labels.tolist() == [[1, 1, 255]]
    assert half.name.endswith("val (half.txt)")


@pytest.mark.parametrize("id_", ["a\0b", "x" * 3_000_000])
def test_an_id_that_no_file_can_have_names_the_list_in_a_short_message(voc: Path, id_: str) -> None:
    write_list(voc / "ImageSets/Segmentation/train.txt", "2007_1", id_)
    with pytest.raises(DataError, match=r"Segmentation/train.txt: no image can be called") as caught:
        open_dataset(f"voc:{voc}", "train")
    assert len(str(caught.value)) < 500


def test_a_list_that_does_not_fit_is_refused(voc: Path, tmp_path: Path) -> None:
    ids = tmp_path / "half.txt"
    with pytest.raises(DataError, match=r"half.txt does not exist"):
        open_dataset(f"voc:{voc}", "val", ids=ids)
    ids.write_text(" \n")
    with pytest.raises(DataError, match=r"half.txt is empty"):
        open_dataset(f"voc:{voc}", "val", ids=ids)
    ids.write_text("2007_1 2007_3 2007_4")
    with pytest.raises(DataError, match=r"half.txt names ids that .* does not have: 2, such as 2007_3"):
        open_dataset(f"voc:{voc}", "val", ids=ids)


def test_classes_txt_names_the_classes_of_masks_and_of_boxes_alike(voc: Path, tmp_path: Path) -> None:
    (voc / "classes.txt").write_text("background\nscratch\ndent\n")
    write_label(voc / "SegmentationClass/2007_1.png", [[0, 1, 2]], "P")
    write_label(voc / "SegmentationClass/2007_2.png", [[15, 0, 0]], "P")
    data = open_dataset(f"voc:{voc}", "val")
    assert data.classes.names == ("background", "scratch", "dent")
    assert data.read(0).labels.tolist() == [[0, 1, 2]]
    with pytest.raises(DataError, match="holds the ids 15, but only ids 0 to 2, 255 are known"):
        data.read(1)
    for id_ in ("2007_1", "2007_2"):
        box = "<xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>1</ymax>"
        write_list(
            voc / f"Annotations/{id_}.xml",
            "<annotation><size><width>3</width><height>1</height></size>"
            f"<object><name>dent</name><bndbox>{box}</bndbox></object></annotation>",
        )
    boxed = open_boxes(f"voc:{voc}", "val", None, lambda image, boxes: np.zeros(image.shape[:2], np.uint8))
    assert boxed.classes == data.classes
    (tmp_path / "sbd/cls").mkdir(parents=True)
    with pytest.raises(DataError, match=r"has VOC's classes, but .*classes.txt names others"):
        open_dataset(f"voc:{voc},sbd={tmp_path / 'sbd'}", "val")


def test_voc_without_the_year_folder_proposes_it(voc: Path) -> None:
    with pytest.raises(DataError, match=f"try voc:{voc}"):
        open_dataset(f"voc:{voc.parent}", "val")


def test_voc_without_the_split_names_those_there_are(voc: Path) -> None:
    with pytest.raises(DataError, match="the splits there are: val"):
        open_dataset(f"voc:{voc}", "train")


def test_pictures_of_ones_own_without_lists_are_split_as_a_folder_is(tmp_path: Path) -> None:
    for name in "abc":
        write_photo(tmp_path / f"JPEGImages/{name}.jpg", 1, 2)
        write_label(tmp_path / f"SegmentationClass/{name}.png", [[0, 1]])
    found = {
        split: [entry.id for entry in open_dataset(f"voc:{tmp_path}", split).entries]
        for split in ("train", "val", "trainval", "all")
    }
    assert found == {"train": ["a", "b"], "val": ["c"], "trainval": ["a", "b", "c"], "all": ["a", "b", "c"]}
    write_label(tmp_path / "SegmentationClass/2007_000032.png", [[0, 1]])
    assert len(open_dataset(f"voc:{tmp_path}", "train")) == 1464, "VOC's own"


def test_the_list_of_classes_may_be_called_as_labelme2voc_does(voc: Path) -> None:
    (voc / "class_names.txt").write_text("_background_\ncup\n")
    assert open_dataset(f"voc:{voc}", "val").classes.names == ("_background_", "cup")
    (voc / "classes.txt").write_text("background\nball\n")
    assert open_dataset(f"voc:{voc}", "val").classes.names == ("background", "ball")


@pytest.mark.slow
def test_voc_takes_the_lists_the_kit_lacks_from_the_package(voc: Path) -> None:
    assert len(open_dataset(f"voc:{voc}", "train_aug")) == 10_582
    everything = open_dataset(f"voc:{voc}", "trainval_aug").entries
    parts = [open_dataset(f"voc:{voc}", part).entries for part in ("train_aug", "val")]
    assert [entry.id for entry in everything] == [entry.id for part in parts for entry in part]
    data = open_dataset(f"voc:{voc}", "seg11valid")
    assert len(data) == 736
    assert data.entries[0].id == "2007_000033"


def test_voc_takes_labels_it_lacks_from_sbd(voc: Path, tmp_path: Path) -> None:
    write_list(voc / "ImageSets/Segmentation/extra.txt", "2007_1", "2008_3")
    write_photo(voc / "JPEGImages/2008_3.jpg", 1, 2)
    write_mat(tmp_path / "sbd/cls/2008_3.mat", {"GTcls": {"Segmentation": np.array([[0, 12]], np.uint8)}})
    data = open_dataset(f"voc:{voc},sbd={tmp_path / 'sbd'}", "extra")
    assert [data.read(i).labels.tolist() for i in range(2)] == [[[0, 15, 255]], [[0, 12]]]
    with pytest.raises(DataError, match="name the folder of SBD"):
        open_dataset(f"voc:{voc},sbd={tmp_path}", "extra")


def test_seg11valid_can_be_read_without_its_photos() -> None:
    root = SHARED / "voc_seg11valid"
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    data = open_dataset(f"voc:{root}", "seg11valid")
    seen = {int(id_) for index in range(0, 736, 8) for id_ in np.unique(data.read_labels(index)["semantic"])}
    assert seen == {*range(21), 255}
