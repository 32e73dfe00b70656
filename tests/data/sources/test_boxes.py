"""Boxes as VOC and COCO write them, and what becomes of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_files import write_list, write_photo

from pixelwise.core.boxes import Box
from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.types import Labels, RGBImage
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.data.conversion import convert
from pixelwise.data.sources.boxes import open_boxes

Sides = tuple[str, int | float, int | float, int | float, int | float]


def write_voc(
    root: Path, id_: str, *objects: Sides, size: tuple[int, int] = (4, 6), pictures: str = "JPEGImages"
) -> Path:
    """As in VOC's development kit: objects are name, xmin, ymin, xmax, ymax, counted from 1."""
    path = root / f"Annotations/{id_}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = "".join(
        f"<object><name>{name}</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>"
        f"<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox>"
        "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>"
        "</part></object>"
        for name, xmin, ymin, xmax, ymax in objects
    )
    path.write_text(
        f"<annotation><folder>VOC2012</folder><filename>{id_}.jpg</filename>"
        f"<size><width>{size[1]}</width><height>{size[0]}</height><depth>3</depth></size>"
        f"<segmented>0</segmented>{entries}</annotation>"
    )
    write_photo(root / pictures / f"{id_}.jpg", *size)
    return path


def coco(**changes: Any) -> dict[str, Any]:
    """A picture of 4 x 6 with a cat in its columns 1 to 3 of rows 1 and 2, and one without anything."""
    return {
        "images": [
            {"id": 7, "file_name": "a/1.jpg", "height": 4, "width": 6},
            {"id": 8, "file_name": "a/2.jpg", "height": 4, "width": 6},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 0, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 0, "iscrowd": 0, "bbox": [1, 1, 3, 2]},
        ],
    } | changes


def write_coco(root: Path, content: dict[str, Any]) -> Path:
    file = root / "annotations/instances_val2017.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    for name in ("a/1.jpg", "a/2.jpg"):
        write_photo(root / "val2017" / name, 4, 6)
    return file


def rectangles(image: RGBImage, boxes: Sequence[Box]) -> Labels:
    labels = np.zeros(image.shape[:2], np.uint8)
    for box in boxes:
        labels[box.pixels((image.shape[0], image.shape[1]))] = box.label
    return labels


def opened(spec: str, split: str = "train", classes: str | None = None) -> LabelledImages:
    return open_boxes(spec, split, classes, rectangles)


def test_vocs_coordinates_begin_at_one_and_include_the_last(tmp_path: Path) -> None:
    write_voc(tmp_path, "2007_1", ("cat", 2, 1, 4, 3), ("person", "6.0", 4, 6, 4))  # type: ignore[arg-type]
    write_list(tmp_path / "ImageSets/Main/train.txt", "2007_1")
    data = opened(f"voc:{tmp_path}")
    assert data.read(0).labels.tolist() == [
        [0, 8, 8, 8, 0, 0],
        [0, 8, 8, 8, 0, 0],
        [0, 8, 8, 8, 0, 0],
        [0, 0, 0, 0, 0, 15],
    ]


def test_classes_of_ones_own_are_listed(tmp_path: Path) -> None:
    """labelImg's way: XML beside the pictures; every tenth, here the last, is val."""
    for name in ("a", "b"):
        write_voc(tmp_path, name, ("cup", 1, 1, 6, 4), pictures=".").rename(tmp_path / f"{name}.xml")
    (tmp_path / "Annotations").rmdir()
    write_list(tmp_path / "classes.txt", "background", "cup")
    assert [entry.id for entry in opened(f"voc:{tmp_path}", "val").entries] == ["b"]
    train = opened(f"voc:{tmp_path}")
    assert train.classes.names == ("background", "cup")
    assert train.read(0).labels.all()
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(DataError, match='"cup", which is not among background, aeroplane'):
        opened(f"voc:{tmp_path}")


@pytest.mark.parametrize("pictures", [3, 30])
def test_a_folder_of_xml_is_listed_as_often_however_many_files_it_has(
    pictures: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(pictures):
        write_voc(tmp_path, f"{number:02}", ("cup", 1, 1, 6, 4), pictures=".").rename(
            tmp_path / f"{number:02}.xml"
        )
    (tmp_path / "Annotations").rmdir()
    write_list(tmp_path / "classes.txt", "background", "cup")
    listed: list[Path] = []
    glob = Path.glob

    def counting(folder: Path, *arguments: Any, **more: Any) -> Any:
        listed.append(folder)
        return glob(folder, *arguments, **more)

    monkeypatch.setattr(Path, "glob", counting)
    opened(f"voc:{tmp_path}")
    assert 0 < len(listed) < 10


@pytest.mark.parametrize("names", [("cup", "plate"), ("cup", "background"), ("cup",)])
def test_a_list_of_classes_must_begin_with_the_background(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Pixels outside all boxes are of the first class."""
    write_voc(tmp_path, "1", ("cup", 1, 1, 3, 4))
    write_list(tmp_path / "classes.txt", *names)
    with pytest.raises(DataError, match=r'classes.txt should be "background", but is "cup".*\n.*first line'):
        opened(f"voc:{tmp_path}", "all")


@pytest.mark.parametrize("first", ["background", "Background", "_background_"])
def test_the_background_may_be_spelt_as_other_tools_do(tmp_path: Path, first: str) -> None:
    write_voc(tmp_path, "1", ("cup", 1, 1, 3, 4))
    write_list(tmp_path / "classes.txt", first, "cup")
    assert opened(f"voc:{tmp_path}", "all").read(0).labels.tolist() == [[1, 1, 1, 0, 0, 0]] * 4


def test_names_of_boxed_pictures_may_have_blanks(tmp_path: Path) -> None:
    for id_ in ("my photo 1", "b"):
        write_voc(tmp_path, id_, ("cat", 2, 2, 4, 3))
    write_list(tmp_path / "ImageSets/Main/val.txt", "my photo 1", "b -1")
    found = opened(f"voc:{tmp_path}", "val")
    assert [entry.id for entry in found.entries] == ["my photo 1", "b"]


@pytest.mark.parametrize("val", ["val", "valid"])
def test_splits_may_be_folders(tmp_path: Path, val: str) -> None:
    write_voc(tmp_path / "train", "a", ("cat", 1, 1, 6, 4))
    write_voc(tmp_path / val, "b", ("cat", 1, 1, 6, 4))
    assert [entry.id for entry in opened(f"voc:{tmp_path}").entries] == ["a"]
    assert opened(f"voc:{tmp_path}", "val").read(0).labels.all()


@pytest.mark.parametrize("layout", ["voc lists", "voc folders", "coco"])
def test_all_is_the_usual_splits_together(tmp_path: Path, layout: str) -> None:
    for split, id_ in (("train", "1"), ("val", "2")):
        if layout == "coco":
            name = f"{id_}.jpg"
            images = [{"id": 7, "file_name": name, "height": 4, "width": 6}]
            write_coco(tmp_path, coco(images=images)).rename(
                tmp_path / f"annotations/instances_{split}2017.json"
            )
            write_photo(tmp_path / f"{split}2017/{name}", 4, 6)
        else:
            write_voc(tmp_path / (split if layout == "voc folders" else "."), id_, ("cat", 1, 1, 6, 4))
        if layout == "voc lists":
            write_list(tmp_path / f"ImageSets/Main/{split}.txt", id_)
    data = opened(f"{layout[:4].strip()}:{tmp_path}", "all")
    assert [entry.id for entry in data.entries] == ["1", "2"]
    assert [data.read(index).labels.any() for index in (0, 1)] == [True, True]


def test_the_hint_names_the_list_that_is_read(tmp_path: Path) -> None:
    write_voc(tmp_path / "train", "a", ("cup", 1, 1, 6, 4))
    with pytest.raises(DataError, match="hint: list your classes in ") as error:
        opened(f"voc:{tmp_path}")
    write_list(Path(str(error.value).partition("classes in ")[2].partition(",")[0]), "background", "cup")
    assert opened(f"voc:{tmp_path}").read(0).labels.all()


def test_cocos_boxes_are_corner_and_extent(tmp_path: Path) -> None:
    write_coco(tmp_path, coco())
    data = opened(f"coco:{tmp_path}", "val")
    assert data.classes.names == ("background", "cat", "dog")
    assert [entry.id for entry in data.entries] == ["a/1", "a/2"]
    assert data.read(0).labels.tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert not data.read(1).labels.any(), "a picture without boxes is background"


def test_a_file_of_cocos_may_have_its_pictures_anywhere(tmp_path: Path) -> None:
    file = write_coco(tmp_path, coco()).rename(tmp_path / "mine.json")
    data = opened(f"coco:{file},images={tmp_path / 'val2017'}", "all")
    assert data.read(0).labels.sum() == 6


def test_a_crowd_is_void_where_no_object_is(tmp_path: Path) -> None:
    crowd = {"id": 2, "image_id": 7, "category_id": 18, "iscrowd": 1, "bbox": [0, 2, 6, 2]}
    write_coco(tmp_path, coco(annotations=[*coco()["annotations"], crowd]))
    assert opened(f"coco:{tmp_path}", "val").read(0).labels.tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [255, 1, 1, 1, 255, 255],
        [255, 255, 255, 255, 255, 255],
    ]


def test_classes_left_out_become_void(tmp_path: Path) -> None:
    write_voc(tmp_path, "1", ("cat", 1, 1, 3, 4), ("sofa", 4, 1, 6, 4))
    write_list(tmp_path / "ImageSets/Main/train.txt", "1")
    data = opened(f"voc:{tmp_path}", classes="background,cat")
    assert data.read(0).labels.tolist() == [[1, 1, 1, 255, 255, 255]] * 4


def test_large_pictures_are_drawn_on_reduced_ones(tmp_path: Path) -> None:
    write_voc(tmp_path, "1", ("cat", 501, 1, 2000, 600), size=(600, 2000))
    write_list(tmp_path / "ImageSets/Main/train.txt", "1")
    seen = []

    def draw(image: RGBImage, boxes: Sequence[Box]) -> Labels:
        seen.append((image.shape[:2], boxes))
        return rectangles(image, boxes)

    labels = open_boxes(f"voc:{tmp_path}", "train", None, draw).read(0).labels
    assert seen == [((300, 1000), [Box(8, 0, 250, 300, 1000)])]
    assert labels.shape == (600, 2000)
    assert (labels[:, 500:] == 8).all()
    assert not labels[:, :500].any()


def test_a_pixel_too_far_is_forgiven(tmp_path: Path) -> None:
    write_voc(tmp_path, "1", ("cat", 0, 0, 7, 5))
    write_list(tmp_path / "ImageSets/Main/train.txt", "1")
    assert opened(f"voc:{tmp_path}").read(0).labels.all()


def test_the_folder_trains_like_any_other(tmp_path: Path) -> None:
    write_coco(tmp_path / "coco", coco())
    convert(opened(f"coco:{tmp_path / 'coco'}", "val"), tmp_path / "out", "train")
    back = open_dataset(f"folder:{tmp_path / 'out'}", "train")
    assert back.classes.names == ("background", "cat", "dog")
    assert [back.read(i).labels.sum() for i in range(len(back))] == [6, 0]


@pytest.mark.parametrize(
    ("objects", "complaint"),
    [
        ([("cat", 1, 1, 8, 4)], r"1.jpg of 6 x 4: a box reaches from 0 to 8, but the image from 0 to 6"),
        ([("cat", 1, 4, 6, 2)], "a box reaches from 3 to 2"),
        ([("cat", "nan", 1, 6, 2)], r'1.xml: <object> 1 has xmin = "nan": it should be a finite number'),
        ([("cat", "left", 1, 6, 2)], r'1.xml: <object> 1 has xmin = "left": it should be a valid number'),
        ([("cat", "", 1, 6, 2)], r"1.xml: <object> 1 has no xmin"),
        ([("lynx", 1, 1, 6, 2)], 'names the class "lynx", which is not among background, aeroplane'),
        ([], 'there are no boxes in the split "train"'),
    ],
)
def test_wrong_boxes_of_voc_are_told(tmp_path: Path, objects: list[Sides], complaint: str) -> None:
    write_voc(tmp_path, "1", *objects)
    write_list(tmp_path / "ImageSets/Main/train.txt", "1")
    with pytest.raises(DataError, match=complaint):
        opened(f"voc:{tmp_path}")


def test_boxes_of_coco_match_their_pictures_as_text_and_as_numbers(tmp_path: Path) -> None:
    write_coco(tmp_path, coco(annotations=[coco()["annotations"][0] | {"image_id": "7"}]))
    assert opened(f"coco:{tmp_path}", "val").read(0).labels.sum() == 6


@pytest.mark.parametrize(("ending", "beside"), [("jpg", False), ("jpg", True), ("png", True)])
def test_boxes_of_voc_belong_to_the_picture_called_as_their_file(
    tmp_path: Path, ending: str, beside: bool
) -> None:
    """Renaming files does not change the <filename> in them, as the copied one of 2.xml here."""
    for id_, box in (("1", ("cat", 1, 1, 2, 2)), ("2", ("cat", 1, 1, 6, 4))):
        path = write_voc(tmp_path, id_, box)
        path.write_text(path.read_text().replace(f"<filename>{id_}.jpg", f"<filename>1.{ending}"))
        place = tmp_path / ("Annotations" if beside else "JPEGImages")
        (tmp_path / f"JPEGImages/{id_}.jpg").rename(place / f"{id_}.{ending}")
    data = opened(f"voc:{tmp_path}", "all")
    assert [entry.image.path.name for entry in data.entries] == [f"1.{ending}", f"2.{ending}"]
    assert [int((data.read(index).labels > 0).sum()) for index in (0, 1)] == [4, 24]


def test_a_picture_of_two_files_of_voc_is_refused(tmp_path: Path) -> None:
    for id_ in ("1", "2"):
        path = write_voc(tmp_path, id_, ("cat", 1, 1, 2, 2))
        path.write_text(path.read_text().replace(f"<filename>{id_}.jpg", "<filename>p.jpg"))
        (tmp_path / f"JPEGImages/{id_}.jpg").rename(tmp_path / "JPEGImages/p.jpg")
    with pytest.raises(DataError, match=r'Annotations has 1 repeated picture: "JPEGImages/p.jpg"'):
        opened(f"voc:{tmp_path}", "all")


def test_file_names_of_voc_may_be_windows_paths(tmp_path: Path) -> None:
    path = write_voc(tmp_path, "1", ("cat", 1, 1, 6, 4))
    (tmp_path / "JPEGImages/1.jpg").rename(tmp_path / "JPEGImages/p.jpg")
    path.write_text(path.read_text().replace("<filename>1.jpg", "<filename>C:\\photos\\p.jpg"))
    write_list(tmp_path / "ImageSets/Main/train.txt", "1")
    assert opened(f"voc:{tmp_path}").read(0).labels.all()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<annotation><size>", "is not XML: no element found"),
        (
            '<!DOCTYPE a [<!ENTITY e "eee"><!ENTITY f "&e;&e;&e;">]><annotation>&f;</annotation>',
            "DOCTYPE",
        ),
        ("<annotation/>", r"1.xml: <size> has no height"),
        (
            "<annotation><size><width>6</width><height>four</height></size></annotation>",
            '= "four": it should',
        ),
        (
            "<annotation><size><width>6</width><height>0</height></size></annotation>",
            'height = "0": it should',
        ),
    ],
)
def test_what_is_no_annotation_of_voc_is_told(tmp_path: Path, text: str, complaint: str) -> None:
    write_voc(tmp_path, "1").write_text(text)
    write_list(tmp_path / "ImageSets/Main/train.txt", "1")
    with pytest.raises(DataError, match=complaint):
        opened(f"voc:{tmp_path}")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"bbox": [1, 1, 9, 2]}, "from 1 to 10, but the image from 0 to 6"),
        ({"bbox": [1, 1, -1, 2]}, "from 1 to 0"),
        ({"bbox": [1, 1, 2]}, "annotation 1 has a bbox of 3 numbers"),
        ({"bbox": None}, "annotation 1 has no bbox"),
        (
            {"bbox": [1, 1, float("inf"), 2]},
            r"annotations\[0\].bbox\[2\] = inf: it should be a finite number",
        ),
        ({"bbox": [0.1, 0.1, 0.5, 0.9]}, "its boxes lie between 0 and 1, as shares of its size"),
        ({"bbox": "1 1 2 2"}, r'annotations\[0\].bbox = "1 1 2 2": it should be a list'),
        ({"category_id": 5}, "the category_id of 1 of 1 annotations is not among its categories: 5"),
        ({"image_id": 5}, 'the image_id of 1 of 1 annotations is not among its images: "5"'),
    ],
)
def test_wrong_boxes_of_coco_are_told(tmp_path: Path, change: dict[str, Any], complaint: str) -> None:
    write_coco(tmp_path, coco(annotations=[coco()["annotations"][0] | change]))
    with pytest.raises(DataError, match=complaint):
        opened(f"coco:{tmp_path}", "val")


def test_annotations_without_boxes_are_told(tmp_path: Path) -> None:
    write_coco(tmp_path, coco(annotations=[{"image_id": 7, "category_id": 0, "segmentation": []}]))
    with pytest.raises(DataError, match="an annotation has no bbox"):
        opened(f"coco:{tmp_path}", "val")


def test_pictures_that_would_share_a_label_file_are_told(tmp_path: Path) -> None:
    images = [
        image | {"file_name": f"1.{end}"} for image, end in zip(coco()["images"], ("jpg", "png"), strict=True)
    ]
    write_coco(tmp_path, coco(images=images))
    with pytest.raises(DataError, match="several samples would be called 1"):
        convert(opened(f"coco:{tmp_path}", "val"), tmp_path / "out", "val")


def test_a_picture_of_another_size_is_told(tmp_path: Path) -> None:
    write_voc(tmp_path, "1", ("cat", 1, 1, 6, 4))
    write_list(tmp_path / "ImageSets/Main/train.txt", "1")
    write_photo(tmp_path / "JPEGImages/1.jpg", 2, 3)
    with pytest.raises(DataError, match=r"1.jpg is 3 x 2 pixels, but .*1.xml says 6 x 4"):
        opened(f"voc:{tmp_path}").read(0)
    (tmp_path / "JPEGImages/1.jpg").unlink()
    with pytest.raises(DataError, match="no such file"):
        opened(f"voc:{tmp_path}").read(0)


def test_splits_and_kinds_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(SplitError, match="no XML files in"):
        opened(f"voc:{tmp_path}")
    write_list(tmp_path / "ImageSets/Main/train.txt", "1")
    with pytest.raises(SplitError, match='no split "val"'):
        opened(f"voc:{tmp_path}", "val")
    with pytest.raises(DataError, match="xml does not exist"):
        opened(f"voc:{tmp_path}")
    for spec in (f"folder:{tmp_path}", f"voc:{tmp_path},sbd={tmp_path}"):
        with pytest.raises(DataError, match="cannot read boxes of"):
            opened(spec)


def test_a_file_name_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    path = write_voc(tmp_path, "1", ("cat", 1, 1, 6, 4))
    path.write_text(path.read_text().replace("<filename>1.jpg", f"<filename>{'x' * 5000}"))
    write_list(tmp_path / "ImageSets/Main/train.txt", "1")
    with pytest.raises(DataError, match=r"1.xml: has filename = .*longer than the name of a file can be"):
        opened(f"voc:{tmp_path}")
