"""CVAT's two exports, written here as it writes them."""

from pathlib import Path

import numpy as np
import pytest
from label_files import write_colours, write_list, write_photo

from pixelwise.data import open_dataset
from pixelwise.errors import DataError, SplitError

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


@pytest.mark.parametrize("name", ["front door", "hall/1"])
def test_masks_of_names_with_blanks_and_in_folders_are_not_lost(cvat_masks: Path, name: str) -> None:
    write_photo(cvat_masks / f"JPEGImages/{name}.PNG", 1, 2)
    write_colours(cvat_masks / f"SegmentationClass/{name}.png", [[(250, 50, 83), (0, 0, 0)]])
    write_list(cvat_masks / "ImageSets/Segmentation/train.txt", "2", name)
    data = open_dataset(f"cvat:{cvat_masks}", "train")
    assert [entry.id for entry in data.entries] == ["2", name]
    assert data.read(1).labels.tolist() == [[1, 0]]


def test_a_listed_picture_that_nobody_has_labelled_is_left_out(cvat_masks: Path) -> None:
    write_list(cvat_masks / "ImageSets/Segmentation/train.txt", "1", "2", "3")
    write_photo(cvat_masks / "JPEGImages/3.jpg", 1, 2)
    assert [entry.id for entry in open_dataset(f"cvat:{cvat_masks}", "train").entries] == ["1", "2"]
    with pytest.raises(SplitError, match=r'no split "val".*\nhint: there are default, train'):
        open_dataset(f"cvat:{cvat_masks}", "val")


def test_a_label_map_that_cannot_be_read_is_named(cvat_masks: Path) -> None:
    (cvat_masks / "labelmap.txt").write_text("cup:250,50::\n")
    with pytest.raises(DataError, match=r"labelmap.txt, line 1: .* does not read NAME:RED,GREEN,BLUE"):
        open_dataset(f"cvat:{cvat_masks}", "train")
    (cvat_masks / "labelmap.txt").unlink()
    with pytest.raises(DataError, match=r"is no export of CVAT: neither"):
        open_dataset(f"cvat:{cvat_masks}", "train")
