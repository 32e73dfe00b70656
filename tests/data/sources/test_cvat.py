"""CVAT's two exports, written here as it writes them."""

from pathlib import Path

import numpy as np
import pytest
from label_files import write_colours, write_list, write_photo

from pixelwise.core.errors import DataError, SplitError
from pixelwise.data import open_dataset, open_splits
from pixelwise.data.sample_files import Drawing

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


def test_frames_of_a_video_are_found_without_an_ending(cvat: Path) -> None:
    frames = {"sub/shot.000007": "sub/shot.000007.PNG", "shot.000008": "shot.000008.jpg"}
    for pictured, (name, file) in zip(("sub/1", "2"), frames.items(), strict=True):
        (cvat / f"images/{pictured}.jpg").rename(cvat / "images" / file)
        xml = (cvat / "annotations.xml").read_text()
        (cvat / "annotations.xml").write_text(xml.replace(f'"{pictured}.jpg"', f'"{name}"'))
    entries = open_dataset(f"cvat:{cvat}", "all").entries
    assert {entry.id: entry.image.path for entry in entries} == {
        name: cvat / "images" / file for name, file in frames.items()
    }


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("<name>ball</name>", "<name>bell</name>", "has labels that are not in its list: ball"),
        ("<name>ball</name>", "<name>cup </name>", "class names must differ, but these repeat: cup"),
        (
            "<name>ball</name>",
            "<name> </name>",
            'a <label> has name = " ": it is empty, but should name a class',
        ),
        ('height="4"', "", r"an <image> has no height"),
        ('height="4"', 'height="0"', r'an <image> has height = "0": it should be greater than or equal to 1'),
        (
            'height="4"',
            f'height="{10**400}"',
            r'an <image> has height = "1000.*\.\.\.: it should be less than',
        ),
        ("</annotations>", "", "is not XML"),
        ("<image id", '<track id="0" label="cup"/><image id', "has tracks, as CVAT for video, but should be"),
        ('name="2.jpg"', 'name="."', r'an <image> has name = ".": it should name a picture, not a folder'),
        ('name="2.jpg"', 'name="sub/1.jpg"', 'has 1 repeated picture: "images/sub/1.jpg"'),
        (
            'xtl="0.0"',
            'xtl="nan"',
            r'sub/1.jpg, <box> in place 2 has xtl = "nan": it should be a finite number',
        ),
        ('xtl="0.0"', 'xtl="1e999"', r'<box> in place 2 has xtl = "1e999": it should be a finite number'),
        ('xtl="0.0"', "", r"sub/1.jpg, <box> in place 2 has no xtl"),
        (
            "1.0,1.0;3.0",
            "1.0,left;3.0",
            r'<polygon> in place 1 has points\[0\]\[1\] = "left": it should be a valid',
        ),
        ("1.0,1.0;3.0", "1.0;3.0", r"<polygon> in place 1 has no points\[0\]\[1\]"),
        ('z_order="1"', 'z_order="x"', r'<polygon> in place 1 has z_order = "x"'),
        (
            "1, 2, 1",
            "1, -2, 5",
            r'<mask> in place 3 has rle\[1\] = " -2": it should be greater than or equal to 0',
        ),
        (
            'rx="10.0"',
            'rx="inf"',
            r'2.jpg, <ellipse> in place 1 has rx = "inf": it should be a finite number',
        ),
    ],
)
def test_faults_of_cvats_xml_are_told(cvat: Path, before: str, after: str, complaint: str) -> None:
    (cvat / "annotations.xml").write_text(CVAT_XML.replace(before, after, 1))
    with pytest.raises(DataError, match=complaint) as caught:
        open_dataset(f"cvat:{cvat}", "all")
    assert str(cvat / "annotations.xml") in caught.value.message


def test_the_points_of_skeletons_are_no_classes(cvat: Path) -> None:
    file = cvat / "annotations.xml"
    points = "".join(
        f"<label><name>{skeleton}</name><type>skeleton</type></label>"
        f"<label><name>1</name><type>points</type><parent>{skeleton}</parent></label>"
        for skeleton in ("body", "face")
    )
    file.write_text(file.read_text().replace("</labels>", f"{points}</labels>"))
    assert open_dataset(f"cvat:{cvat}", "all").classes.names[-2:] == ("body", "face")


def test_files_made_by_hand_may_lack_the_list_of_labels(cvat: Path) -> None:
    text = CVAT_XML.replace(CVAT_XML[CVAT_XML.index("<meta>") : CVAT_XML.index("<image id")], "", 1)
    assert "<meta>" not in text
    (cvat / "annotations.xml").write_text(text)
    data = open_dataset(f"cvat:{cvat}", "all")
    assert data.classes.names == ("background", "ball", "cup")
    assert data.read(0).labels[0].tolist() == [2, 2, 2, 2, 0]
    (cvat / "annotations.xml").write_text("<annotations></annotations>")
    with pytest.raises(DataError, match=r"annotations.xml has no <image>, but should be"):
        open_dataset(f"cvat:{cvat}", "all")


def test_labels_differ_by_more_than_blanks(cvat: Path) -> None:
    (cvat / "annotations.xml").write_text(CVAT_XML.replace('label="ball"', 'label=" ball "', 1))
    data = open_dataset(f"cvat:{cvat}", "all")
    assert data.classes.names == ("background", "cup", "ball")
    assert (data.read(0).labels == 2).sum() == 6


def test_names_of_cvat_may_have_backslashes(cvat: Path) -> None:
    (cvat / "annotations.xml").write_text(CVAT_XML.replace("sub/1.jpg", "sub\\1.jpg"))
    data = open_dataset(f"cvat:{cvat}", "all")
    assert data.entries[0].id == "sub/1"
    assert (data.read(0).labels == 2).sum() == 6


@pytest.mark.parametrize("name", ["./2.jpg", "images/2.jpg", "sub/../2.jpg"])
def test_a_picture_of_cvat_under_two_names_is_refused(cvat: Path, name: str) -> None:
    (cvat / "annotations.xml").write_text(CVAT_XML.replace("sub/1.jpg", name))
    with pytest.raises(DataError, match=r'annotations.xml has 1 repeated picture: "images/2.jpg"'):
        open_dataset(f"cvat:{cvat}", "all")


def test_pictures_of_several_subsets_may_share_a_name(cvat: Path) -> None:
    xml = CVAT_XML.replace('"sub/1.jpg"', '"2.jpg" subset="train"').replace(
        '"2.jpg" w', '"2.jpg" subset="Validation" w'
    )
    (cvat / "annotations.xml").write_text(xml)
    write_photo(cvat / "images/train/2.jpg", 4, 5)
    write_photo(cvat / "images/Validation/2.jpg", 40, 40)
    data = open_dataset(f"cvat:{cvat}", "all")
    assert [(entry.id, data.read(i).labels.shape) for i, entry in enumerate(data.entries)] == [
        ("train/2", (4, 5)),
        ("Validation/2", (40, 40)),
    ]
    assert [entry.id for entry in open_dataset(f"cvat:{cvat}", "val").entries] == ["Validation/2"]
    with pytest.raises(SplitError, match='no subset or split "test"\nhint: there are Validation, train, val'):
        open_dataset(f"cvat:{cvat}", "test")


@pytest.mark.parametrize(
    ("subset", "train", "val"),
    [("Validation", ["sub/1"], ["2"]), ("Test", ["sub/1"], []), ("default", ["sub/1"], ["2"])],
)
def test_subsets_of_cvat_are_splits_and_those_for_testing_are_not_learnt_from(
    cvat: Path, subset: str, train: list[str], val: list[str]
) -> None:
    xml = CVAT_XML.replace('"sub/1.jpg"', '"sub/1.jpg" subset="Train"')
    (cvat / "annotations.xml").write_text(xml.replace('"2.jpg"', f'"2.jpg" subset="{subset}"'))
    found = {name: [e.id for e in one.entries] for name, one in open_splits(f"cvat:{cvat}").items()}
    assert found == {"train": train} | ({"val": val} if val else {})


def test_shapes_of_cvat_that_show_nowhere_are_counted_and_named(cvat: Path) -> None:
    corners = "".join(f' x{side}{n}="1" y{side}{n}="1"' for side in ("tl", "tr", "bl", "br") for n in (1, 2))
    more = (
        f'<cuboid label="cup"{corners} z_order="0"/>'
        '<skeleton label="ball"><points label="a" points="1,1"/></skeleton>'
        '<polygon label="cup" points="1,1;3,3"/><box label="cup" xtl="90" ytl="90" xbr="95" ybr="95"/>'
        '<tag label="cup"/></image><image id="1"'
    )
    (cvat / "annotations.xml").write_text(CVAT_XML.replace('</image>\n  <image id="1"', more))
    part = open_dataset(f"cvat:{cvat}", "all").entries[0].labels["semantic"]
    assert isinstance(part, Drawing)
    ids, hidden = part.draw()
    assert ids[0].tolist() == [1, 1, 1, 1, 0]
    assert sorted(hidden) == [
        "ball (skeleton in place 6), which CVAT does not draw as a mask",
        "cup (box in place 8), which lies outside the picture",
        "cup (cuboid in place 5), which CVAT does not draw as a mask",
        "cup (points in place 4), which CVAT does not draw as a mask",
        "cup (polygon in place 7), which has 2 points, too few for an outline",
    ]


@pytest.mark.parametrize(
    ("mask", "complaint"),
    [
        ('rle="2500000000" left="0" top="0" width="50000" height="50000"', "50000"),
        (
            'rle="400000000" left="0" top="0" width="20000" height="20000"',
            "a mask of 20000 x 20000 .* is larger",
        ),
        (
            'rle="36" left="0" top="0" width="6" height="6"',
            "a mask of 6 x 6 pixels is larger than its picture, 5 x 4",
        ),
    ],
)
def test_masks_of_cvat_are_no_larger_than_their_picture(cvat: Path, mask: str, complaint: str) -> None:
    before = 'rle="1, 2, 1" left="3" top="2" width="2" height="2"'
    (cvat / "annotations.xml").write_text(CVAT_XML.replace(before, mask))
    with pytest.raises(DataError, match=complaint):
        open_dataset(f"cvat:{cvat}", "all").read_labels(0)


def test_a_size_of_cvat_that_is_not_the_pictures_is_refused(cvat: Path) -> None:
    (cvat / "annotations.xml").write_text(
        CVAT_XML.replace('width="5" height="4"', 'width="50000" height="8000"')
    )
    with pytest.raises(
        DataError, match=r"sub/1.jpg is 5 x 4 pixels, but .*annotations.xml says 50000 x 8000"
    ):
        open_dataset(f"cvat:{cvat}", "all").read_labels(0)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of pycocotools with numpy 2
def test_polygons_of_cvat_are_filled_as_pycocotools_fills_them(cvat: Path) -> None:
    """CVAT makes masks of polygons by pycocotools: along pixel borders there is no choice."""
    masks = pytest.importorskip("pycocotools.mask", reason='pip install ".[peers]"')
    points = [3, 2, 30, 2, 30, 9, 12, 9, 12, 33, 3, 33]
    text = ";".join(f"{x},{y}" for x, y in zip(points[::2], points[1::2], strict=True))
    before = CVAT_XML[CVAT_XML.index("<ellipse") : CVAT_XML.index("<polyline")]
    (cvat / "annotations.xml").write_text(CVAT_XML.replace(before, f'<polygon label="cup" points="{text}"/>'))
    theirs = masks.decode(masks.frPyObjects([points], 40, 40))[..., 0]
    ours = open_dataset(f"cvat:{cvat}", "all").read(1).labels
    assert theirs[2:].sum() > 300
    assert ((ours == 1) | (ours == 2)).tolist() == (theirs.astype(bool) | (ours == 2)).tolist()


def test_runs_of_cvat_that_do_not_fill_their_box_are_told(cvat: Path) -> None:
    (cvat / "annotations.xml").write_text(CVAT_XML.replace("1, 2, 1", "1, 2, 9"))
    with pytest.raises(DataError, match=r"an object in .*sub/1.jpg .* runs of 12 pixels do not fill 2 x 2"):
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
    write_list(cvat_masks / "ImageSets/Segmentation/Validation.txt", "1")
    for split, id_ in (("train", "2"), ("val", "1")):
        assert [entry.id for entry in open_dataset(f"cvat:{cvat_masks}", split).entries] == [id_]


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
    with pytest.raises(
        DataError,
        match=r"labelmap.txt, line 1: has no colour\[2\]\nhint: expected a line NAME:RED,GREEN,BLUE::",
    ):
        open_dataset(f"cvat:{cvat_masks}", "train")
    for text, complaint in [
        ("cup:250,50,-1::", r'line 1: has colour\[2\] = "-1": it should be greater than or equal to 0'),
        (
            f"a:0,0,0::\ncup:250,50,{2**63}::",
            r'line 2: has colour\[2\] = "9223372036854775808": it should be less',
        ),
        (":250,50,1::", r'line 1: has name = "": it is empty, but should name a class'),
        ("cup", "line 1: has no colour"),
        ("cup:1,1,1::\nball:1,1,1::", r"labelmap.txt has 1 repeated colour: \"1,1,1\""),
    ]:
        (cvat_masks / "labelmap.txt").write_text(text)
        with pytest.raises(DataError, match=complaint):
            open_dataset(f"cvat:{cvat_masks}", "train")
    (cvat_masks / "labelmap.txt").unlink()
    with pytest.raises(DataError, match=r"is not an export of CVAT: neither"):
        open_dataset(f"cvat:{cvat_masks}", "train")
