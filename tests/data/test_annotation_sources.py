"""What annotation tools export, written here as they write it and read back: COCO, labelme, CVAT, lists."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_files import write_colours, write_label, write_list, write_photo
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.errors import DataError

SQUARE = [1, 1, 3, 1, 3, 3, 1, 3]  # x, y, ...: the pixels 1 and 2 of rows 1 and 2


def instances(**changes: Any) -> dict[str, Any]:
    """One picture of 4 x 5 with a cat of four pixels, upon a dog that fills it but for the last column."""
    content = {
        "images": [{"id": 7, "file_name": "a/1.jpg", "height": 4, "width": 5}],
        "categories": [{"id": 18, "name": "dog"}, {"id": 0, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 0, "iscrowd": 0, "segmentation": [SQUARE]},
            {
                "id": 2,
                "image_id": 7,
                "category_id": 18,
                "iscrowd": 0,
                "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4]],
            },
        ],
    }
    return content | changes


def write_coco(root: Path, content: dict[str, Any], name: str = "instances_val2017") -> Path:
    file = root / f"annotations/{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    write_photo(root / "val2017/a/1.jpg", 4, 5)
    return file


def test_instances_lie_upon_each_other_the_smaller_on_top(tmp_path: Path) -> None:
    write_coco(tmp_path, instances())
    data = open_dataset(f"coco:{tmp_path}", "val")
    assert data.classes.names == ("background", "cat", "dog"), "in the order of category ids, 0 included"
    assert data.entries[0].id == "a/1"
    assert data.read(0).labels.tolist() == [
        [2, 2, 2, 2, 0],
        [2, 1, 1, 2, 0],
        [2, 1, 1, 2, 0],
        [2, 2, 2, 2, 0],
    ]


@pytest.mark.parametrize("counts", [[4, 2, 14], "42>"])
def test_runs_go_down_columns_and_may_be_compressed(tmp_path: Path, counts: Any) -> None:
    """4 pixels outside (the first column), 2 inside, 14 outside; "42>" is the same, compressed."""
    runs = {"size": [4, 5], "counts": counts}
    crowd = {"id": 3, "image_id": 7, "category_id": 18, "iscrowd": 1, "segmentation": runs}
    write_coco(tmp_path, instances(annotations=[crowd]))
    labels = open_dataset(f"coco:{tmp_path}", "val").read(0).labels
    assert np.argwhere(labels == 2).tolist() == [[0, 1], [1, 1]]


def test_a_single_file_of_coco_is_split_as_a_folder_is(tmp_path: Path) -> None:
    images = [{"id": i, "file_name": f"{i:02}.jpg", "height": 4, "width": 5} for i in range(10)]
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(instances(images=images)))
    assert [entry.id for entry in open_dataset(f"coco:{file}", "val").entries] == ["09"]
    for i in range(10):
        write_photo(tmp_path / f"elsewhere/{i:02}.jpg", 4, 5)
    data = open_dataset(f"coco:{file},images={tmp_path / 'elsewhere'}", "all")
    assert data.read(7).labels[1].tolist() == [2, 1, 1, 2, 0]


def test_an_unlabelled_picture_of_coco_is_background(tmp_path: Path) -> None:
    write_coco(tmp_path, instances(annotations=[]))
    assert not open_dataset(f"coco:{tmp_path}", "val").read(0).labels.any()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"categories": None}, "instances_val2017.json is not COCO's"),
        ({"images": [{"id": 7, "file_name": "a/1.jpg"}]}, "instances_val2017.json has no 'height'"),
        ({"categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "cat"}]}, "these repeat: cat"),
    ],
)
def test_json_that_is_not_cocos_is_named(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    write_coco(tmp_path, instances(**changes))
    with pytest.raises(DataError, match=complaint):
        open_dataset(f"coco:{tmp_path}", "val")


@pytest.mark.parametrize(
    ("segmentation", "complaint"),
    [
        ([[1, 1, 3]], "an object in a/1.jpg cannot be drawn"),
        ({"size": [4, 5], "counts": [1, 2]}, "runs of 3 pixels do not fill 4 x 5 pixels"),
    ],
)
def test_an_object_that_cannot_be_drawn_is_named(tmp_path: Path, segmentation: Any, complaint: str) -> None:
    wrong = {"id": 1, "image_id": 7, "category_id": 0, "segmentation": segmentation}
    write_coco(tmp_path, instances(annotations=[wrong]))
    with pytest.raises(DataError, match=complaint):
        open_dataset(f"coco:{tmp_path}", "val").read(0)


def test_a_category_that_the_list_lacks_is_out_of_range(tmp_path: Path) -> None:
    write_coco(tmp_path, instances(categories=[{"id": 0, "name": "cat"}]))
    with pytest.raises(DataError, match=r"holds the ids 18, but only ids -1 to 0 are known"):
        open_dataset(f"coco:{tmp_path}", "val").read(0)


def panoptic(root: Path, segments: list[dict[str, int]]) -> None:
    """A picture of 1 x 3 with the segments 0 (void), 300 = 44 + 256 and 65536."""
    content = {
        "images": [{"id": 7, "file_name": "a/1.jpg", "height": 1, "width": 3}],
        "categories": [{"id": 1, "name": "person"}, {"id": 200, "name": "rug"}],
        "annotations": [{"image_id": 7, "file_name": "1.png", "segments_info": segments}],
    }
    write_coco(root, content, "panoptic_val2017")
    write_photo(root / "val2017/a/1.jpg", 1, 3)
    write_colours(root / "annotations/panoptic_val2017/1.png", [[(0, 0, 0), (44, 1, 0), (0, 0, 1)]])


def test_panoptic_segments_become_their_categories(tmp_path: Path) -> None:
    panoptic(tmp_path, [{"id": 300, "category_id": 200}, {"id": 65536, "category_id": 1}])
    data = open_dataset(f"coco:{tmp_path}", "val")
    assert data.classes.names == ("person", "rug")
    assert data.read(0).labels.tolist() == [[255, 1, 0]]


def test_a_segment_the_json_does_not_name_is_an_error(tmp_path: Path) -> None:
    panoptic(tmp_path, [{"id": 300, "category_id": 200}])
    with pytest.raises(DataError, match=r"1.png holds segments that its JSON does not name: \[65536\]"):
        open_dataset(f"coco:{tmp_path}", "val").read(0)


def test_coco_without_the_split_says_what_it_looked_for(tmp_path: Path) -> None:
    write_coco(tmp_path, instances())
    with pytest.raises(DataError, match=r"annotations/instances_train\*.json not found"):
        open_dataset(f"coco:{tmp_path}", "train")


def write_labelme(file: Path, *shapes: dict[str, Any], **changes: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": f"{file.stem}.jpg"}
    size = {"imageData": None, "imageHeight": 4, "imageWidth": 5}
    file.write_text(json.dumps(content | size | changes))


def drawn(label: str, kind: str, *points: tuple[float, float], **more: Any) -> dict[str, Any]:
    return {"label": label, "shape_type": kind, "points": points, "group_id": None, "flags": {}} | more


def test_labelme_shapes_lie_upon_each_other_in_their_order(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    write_labelme(
        tmp_path / "1.json",
        drawn("cup", "rectangle", (4, 4), (0, 0)),
        drawn("ball", "polygon", (1, 1), (3, 1), (3, 3), (1, 3)),
        drawn("__ignore__", "rectangle", (0, 0), (1, 1)),
        drawn("_background_", "rectangle", (3, 0), (4, 1)),
    )
    data = open_dataset(f"labelme:{tmp_path}", "all")
    assert data.classes.names == ("background", "ball", "cup")
    assert data.read(0).labels.tolist() == [
        [255, 2, 2, 0, 0],
        [2, 1, 1, 2, 0],
        [2, 1, 1, 2, 0],
        [2, 2, 2, 2, 0],
    ]


def test_labelme_masks_circles_lines_and_points(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 60, 60)
    buffer = io.BytesIO()
    Image.fromarray(np.array([[True, False], [False, True]])).save(buffer, "PNG")
    mask = base64.b64encode(buffer.getvalue()).decode()
    write_labelme(
        tmp_path / "1.json",
        drawn("disc", "circle", (15, 15), (15, 25)),
        drawn("wire", "linestrip", (0, 45), (20, 45), (20, 60)),
        drawn("spot", "point", (45, 15)),
        drawn("mask", "mask", (40, 40), (41, 41), mask=mask),
        imageHeight=60,
        imageWidth=60,
    )
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\ndisc\nwire\nspot\nmask\n")
    labels = open_dataset(f"labelme:{tmp_path}", "all").read(0).labels
    assert np.argwhere(labels == 4).tolist() == [[40, 40], [41, 41]]
    assert (labels == 1).sum() == pytest.approx(np.pi * 10**2, rel=0.02)
    assert (labels == 3).sum() == pytest.approx(np.pi * 5**2, rel=0.05)
    assert (
        labels == 2
    ).sum() == 20 * 10 + 15 * 10 - 5 * 5  # both pieces, 10 wide, but for where they overlap
    assert labels[45, 10] == 2


def test_labelme_pictures_may_be_within_the_json(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (5, 4), (200, 0, 0)).save(buffer, "PNG")
    write_labelme(tmp_path / "val/1.json", imageData=base64.b64encode(buffer.getvalue()).decode())
    assert open_dataset(f"labelme:{tmp_path}", "val").read(0).image[0, 0].tolist() == [200, 0, 0]
    write_photo(tmp_path / "photos/1.jpg", 4, 5)
    write_labelme(tmp_path / "val/1.json", imagePath="..\\photos\\1.jpg")
    assert open_dataset(f"labelme:{tmp_path}", "val").read(0).image.shape == (4, 5, 3)


def test_faults_of_labelme_files_are_named(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    (tmp_path / "labels.txt").write_text("cup\n")
    write_labelme(tmp_path / "1.json", drawn("cpu", "rectangle", (0, 0), (1, 1)))
    with pytest.raises(DataError, match=r'1.json names "cpu", which is not among background, cup'):
        open_dataset(f"labelme:{tmp_path}", "all").read(0)
    write_labelme(tmp_path / "1.json", drawn("cup", "sphere", (0, 0), (1, 1)))
    with pytest.raises(DataError, match=r'1.json cannot be drawn: shapes of type "sphere" are not known'):
        open_dataset(f"labelme:{tmp_path}", "all").read(0)
    (tmp_path / "1.json").write_text('{"shapes": [')
    with pytest.raises(DataError, match=r"1.json is no JSON"):
        open_dataset(f"labelme:{tmp_path}", "all")
    (tmp_path / "1.json").unlink()
    with pytest.raises(DataError, match="no JSON files in"):
        open_dataset(f"labelme:{tmp_path}", "all")


CVAT_XML = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><labels>
    <label><name>cup</name><color>#ff0000</color></label><label><name>ball</name><color>#00ff00</color></label>
  </labels></task></meta>
  <image id="0" name="sub/1.jpg" width="5" height="4">
    <polygon label="ball" source="manual" occluded="0" points="1.0,1.0;3.0,1.0;3.0,3.0;1.0,3.0" z_order="1"/>
    <box label="cup" source="manual" occluded="0" xtl="0.0" ytl="0.0" xbr="4.0" ybr="4.0" z_order="0"/>
    <mask label="ball" source="manual" rle="1, 2, 1" left="3" top="2" width="2" height="2"
    z_order="2"/> <points label="cup" points="1.0,1.0" z_order="9"/>
  </image>
  <image id="1" name="2.jpg" width="40" height="40">
    <ellipse label="cup" cx="20.0" cy="20.0" rx="10.0" ry="5.0" rotation="90" z_order="0"/>
    <polyline label="ball" points="0.0,1.5;40.0,1.5" z_order="0"/>
  </image>
</annotations>"""


@pytest.fixture
def cvat(tmp_path: Path) -> Path:
    (tmp_path / "annotations.xml").write_text(CVAT_XML)
    write_photo(tmp_path / "images/sub/1.jpg", 4, 5)
    write_photo(tmp_path / "images/2.jpg", 40, 40)
    return tmp_path


def test_cvat_for_images_is_painted_in_z_order(cvat: Path) -> None:
    data = open_dataset(f"cvat:{cvat}", "all")
    assert data.classes.names == ("background", "cup", "ball")
    assert data.entries[0].id == "sub/1"
    assert data.read(0).labels.tolist() == [
        [1, 1, 1, 1, 0],
        [1, 2, 2, 1, 0],
        [1, 2, 2, 1, 2],
        [1, 1, 1, 2, 0],
    ]
    labels = data.read(1).labels
    assert (labels == 1).sum() == pytest.approx(np.pi * 10 * 5, rel=0.03)
    assert np.ptp(np.argwhere(labels == 1), axis=0).tolist() == [19, 9], "turned by a right angle"
    assert (labels == 2).sum() == 3 * 40
    assert len(open_dataset(f"cvat:{cvat / 'annotations.xml'}", "train")) == 1


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("<name>ball</name>", "<name>bell</name>", "sub/1.jpg has labels that are not in its list: ball"),
        ('height="4"', "", "lacks 'height'"),
        ("</annotations>", "", "is no XML"),
        ("<image id", '<track id="0" label="cup"/><image id', "CVAT for video has tracks"),
    ],
)
def test_faults_of_cvats_xml_are_told(cvat: Path, before: str, after: str, complaint: str) -> None:
    (cvat / "annotations.xml").write_text(CVAT_XML.replace(before, after, 1))
    with pytest.raises(DataError, match=complaint):
        open_dataset(f"cvat:{cvat}", "all")


def test_runs_of_cvat_that_do_not_fill_their_box_are_told(cvat: Path) -> None:
    (cvat / "annotations.xml").write_text(CVAT_XML.replace("1, 2, 1", "1, 2, 9"))
    with pytest.raises(DataError, match=r"a shape in sub/1.jpg .* runs of 12 pixels do not fill 2 x 2"):
        open_dataset(f"cvat:{cvat}", "all").read(0)


@pytest.fixture
def cvat_masks(tmp_path: Path) -> Path:
    (tmp_path / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncup:250,50,83::\n"
    )
    for name in ("1", "2"):
        write_photo(tmp_path / f"JPEGImages/{name}.jpg", 1, 2)
        write_colours(tmp_path / f"SegmentationClass/{name}.png", [[(0, 0, 0), (250, 50, 83)]])
    write_list(tmp_path / "ImageSets/Segmentation/default.txt", "1", "2")
    return tmp_path


def test_cvat_masks_are_read_by_their_label_map(cvat_masks: Path) -> None:
    data = open_dataset(f"cvat:{cvat_masks}", "train")
    assert [entry.id for entry in data.entries] == ["1"]
    assert data.classes.palette == ((0, 0, 0), (250, 50, 83))
    assert data.read(0).labels.tolist() == [[0, 1]]
    write_list(cvat_masks / "ImageSets/Segmentation/train.txt", "2")
    assert [entry.id for entry in open_dataset(f"cvat:{cvat_masks}", "train").entries] == ["2"]


def test_a_label_map_that_cannot_be_read_is_named(cvat_masks: Path) -> None:
    (cvat_masks / "labelmap.txt").write_text("cup:250,50::\n")
    with pytest.raises(DataError, match=r"labelmap.txt, line 1: .* does not read NAME:RED,GREEN,BLUE"):
        open_dataset(f"cvat:{cvat_masks}", "train")
    (cvat_masks / "labelmap.txt").unlink()
    with pytest.raises(DataError, match=r"is no export of CVAT: neither"):
        open_dataset(f"cvat:{cvat_masks}", "train")


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


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.csv", "image,mask\nphotos/1.jpg,masks/1.png\n", "a.csv, line 2: no label"),
        ("a.jsonl", '{"image": "photos/1.jpg"\n', "a.jsonl, line 1: no JSON"),
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


@pytest.mark.parametrize("suffix", ["labelIds", "labelTrainIds"])
def test_cityscapes_has_19_classes_in_either_form(tmp_path: Path, suffix: str) -> None:
    stem = "aachen/aachen_000000_000019"
    write_photo(tmp_path / f"leftImg8bit/val/{stem}_leftImg8bit.png", 1, 4)
    ids = {"labelIds": [7, 33, 4, 255], "labelTrainIds": [0, 18, 255, 255]}[suffix]
    write_label(tmp_path / f"gtFine/val/{stem}_gtFine_{suffix}.png", [ids])
    data = open_dataset(f"cityscapes:{tmp_path}", "val")
    assert data.entries[0].id == stem
    assert (data.classes.names[0], data.classes.names[18]) == ("road", "bicycle")
    assert data.read(0).labels.tolist() == [[0, 18, 255, 255]]


def test_an_id_beyond_cityscapes_33_is_out_of_range(tmp_path: Path) -> None:
    write_photo(tmp_path / "leftImg8bit/val/a/x_leftImg8bit.png", 1, 1)
    write_label(tmp_path / "gtFine/val/a/x_gtFine_labelIds.png", [[34]])
    with pytest.raises(DataError, match=r"x_gtFine_labelIds.png holds the ids 34, but only ids 0 to 33, 255"):
        open_dataset(f"cityscapes:{tmp_path}", "val").read(0)
    with pytest.raises(DataError, match=r'no split "train": no files .*CITY/ID_leftImg8bit.png'):
        open_dataset(f"cityscapes:{tmp_path}", "train")
