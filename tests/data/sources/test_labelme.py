"""What labelme saves, written here as it writes it."""

import base64
import io
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from label_files import write_photo
from PIL import Image, ImageDraw
from scipy.ndimage import maximum_filter, minimum_filter

from pixelwise.core.errors import DataError, SplitError
from pixelwise.data import open_dataset
from pixelwise.data.checks.audit import audit


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


def test_rectangles_with_four_corners_are_read_as_x_anylabeling_writes_them(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    write_labelme(
        tmp_path / "1.json",
        drawn("cup", "rectangle", (0, 0), (2, 0), (2, 2), (0, 2)),
        drawn("ball", "rotation", (4, 0.9), (5.1, 2), (4, 3.1), (2.9, 2), direction=0.785),
    )
    labels = open_dataset(f"labelme:{tmp_path}", "all").read(0).labels
    assert np.argwhere(labels == 2).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert np.argwhere(labels == 1).tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]


def test_a_picture_beside_the_json_is_found_if_its_path_is_of_another_machine(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    write_labelme(
        tmp_path / "1.json", drawn("cup", "rectangle", (0, 0), (1, 1)), imagePath="C:\\photos\\1.jpg"
    )
    (entry,) = open_dataset(f"labelme:{tmp_path}", "all").entries
    assert entry.image.path == tmp_path / "1.jpg"


def test_labelme_pictures_may_be_within_the_json(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (5, 4), (200, 0, 0)).save(buffer, "PNG")
    write_labelme(tmp_path / "val/1.json", imageData=base64.b64encode(buffer.getvalue()).decode())
    assert open_dataset(f"labelme:{tmp_path}", "val").read(0).image[0, 0].tolist() == [200, 0, 0]
    write_photo(tmp_path / "photos/1.jpg", 4, 5)
    write_labelme(tmp_path / "val/1.json", imagePath="..\\photos\\1.jpg")
    assert open_dataset(f"labelme:{tmp_path}", "val").read(0).image.shape == (4, 5, 3)


def test_subfolders_are_read_but_not_those_of_other_splits_or_hidden_ones(tmp_path: Path) -> None:
    for name in ("a", "day/a", "train/b", "val/deep/c", "test/e", ".hidden/d"):
        write_labelme(tmp_path / f"{name}.json", drawn("cup", "rectangle", (0, 0), (4, 4)))
    everything = ["a", "day/a", "train/b", "val/deep/c"]
    for split, ids in (("train", ["b"]), ("val", ["deep/c"]), ("test", ["e"]), ("all", everything)):
        data = open_dataset(f"labelme:{tmp_path}", split)
        assert [entry.id for entry in data.entries] == ids
    (tmp_path / "val").rename(tmp_path / ".val")
    assert [entry.id for entry in open_dataset(f"labelme:{tmp_path}", "val").entries] == ["day/a"]


def test_all_of_labelme_is_every_split_but_that_for_testing(tmp_path: Path) -> None:
    """Although their files have the same names."""
    for split in ("train", "val", "test"):
        for name in ("0", "1"):
            write_labelme(tmp_path / split / f"{name}.json", drawn("cup", "rectangle", (0, 0), (4, 4)))
    everything = open_dataset(f"labelme:{tmp_path}", "all")
    assert [entry.id for entry in everything.entries] == ["train/0", "train/1", "val/0", "val/1"]
    assert [entry.id for entry in open_dataset(f"labelme:{tmp_path}", "test").entries] == ["0", "1"]
    with pytest.raises(SplitError, match=r'no split "valid": no JSON .*\nhint: there are test, train, val'):
        open_dataset(f"labelme:{tmp_path}", "valid")


def test_valid_is_a_name_of_val(tmp_path: Path) -> None:
    """Of files that are in no split, a tenth would be val."""
    for name in ("train/a", "valid/b", "valid/c"):
        write_photo(tmp_path / f"{name}.jpg", 4, 5)
        write_labelme(tmp_path / f"{name}.json", drawn("cup", "rectangle", (0, 0), (1, 1)))
    for split, ids in (("train", ["a"]), ("val", ["b", "c"]), ("valid", ["b", "c"])):
        assert [entry.id for entry in open_dataset(f"labelme:{tmp_path}", split).entries] == ids


def test_faults_of_labelme_files_are_named(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    (tmp_path / "labels.txt").write_text("cup\n")
    write_labelme(tmp_path / "1.json", drawn("cpu", "rectangle", (0, 0), (1, 1)))
    with pytest.raises(
        DataError, match=r'1.json, shapes\[0\] names "cpu", which is not among background, cup'
    ):
        open_dataset(f"labelme:{tmp_path}", "all").read(0)
    (tmp_path / "1.json").write_text('{"shapes": [')
    with pytest.raises(DataError, match=r"1.json is not JSON: EOF while parsing a list at line 1 column 12"):
        open_dataset(f"labelme:{tmp_path}", "all")
    (tmp_path / "1.json").unlink()
    with pytest.raises(DataError, match="no JSON files in"):
        open_dataset(f"labelme:{tmp_path}", "all")


def png(mask: npt.NDArray[Any]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


WIDE = png(np.ones((4, 6), bool))


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        (
            {"shape_type": "sphere"},
            r"has shapes\[0\].shape_type = \"sphere\": it should be 'polygon', 'rectangle'",
        ),
        ({"points": None}, r"has shapes\[0\].points = null: it should be a list"),
        ({"points": [[1, 2], [3]]}, r"has no shapes\[0\].points\[1\]\[1\]"),
        ({"points": [[1, "x"]]}, r"has shapes\[0\].points\[0\]\[1\] = \"x\": it should be a valid number"),
        (
            {"points": [[1, float("nan")]]},
            r"shapes\[0\].points\[0\]\[1\] = nan: it should be a finite number",
        ),
        (
            {"shape_type": "circle"},
            r"shapes\[0\] cannot be drawn: it should have 2 points, as every circle, but has 1",
        ),
        ({"shape_type": "rectangle"}, r"it should have 2 points, as every rectangle, but has 1"),
        (
            {"shape_type": "mask", "points": [[0, 0], [1, 1]]},
            r"shapes\[0\] cannot be drawn: it should have a mask",
        ),
        (
            {"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": "a"},
            r"shapes\[0\] .* it should be base64",
        ),
        (
            {"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": "aaaa"},
            r"shapes\[0\].mask: expected an image",
        ),
        (
            {"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": WIDE},
            r"shapes\[0\] cannot be drawn: its mask of 6 x 4 pixels is larger than the picture",
        ),
    ],
)
def test_a_wrong_field_of_labelme_is_named_with_its_value(
    tmp_path: Path, shape: dict[str, Any], complaint: str
) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    write_labelme(tmp_path / "1.json", {"label": "cup", "points": [[1, 1]]} | shape)
    with pytest.raises(DataError, match=complaint) as caught:
        open_dataset(f"labelme:{tmp_path}", "all").read_labels(0)
    assert str(tmp_path / "1.json") in caught.value.message


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"shapes": None}, "has shapes = null: it should be a list"),
        ({"shapes": [{"label": None}]}, r"has shapes\[0\].label = null: it should be a valid string"),
        ({"shapes": [{"label": " "}]}, r'has shapes\[0\].label = " ": it is empty, but should name a class'),
        ({"shapes": [{"label": "a\nb"}]}, r'label = "a\\nb": it should name a class, without line breaks'),
        ({"imagePath": "."}, r'has imagePath = "\.": it should name a picture, not a folder'),
        ({"imagePath": "/"}, r'has imagePath = "/": it should name a picture, not a folder'),
        ({"imageHeight": 0}, r"has imageHeight = 0: it should be greater than or equal to 1"),
        ({"imageHeight": None}, r"has imageHeight = null: it should be a valid integer"),
        ({"imageWidth": 10**400}, r"has imageWidth = a number of about 400 digits: it should be less than"),
        (
            {"imageHeight": 1_000_000, "imageWidth": 2},
            r"1.jpg is 5 x 4 pixels, but .*1.json says 2 x 1000000",
        ),
        ({"imageData": "aaaa", "imagePath": "gone.jpg"}, r"within .*1.json: expected an image"),
        ({"imageData": "a", "imagePath": "gone.jpg"}, r"within .*1.json cannot be read: it should be base64"),
    ],
)
def test_a_wrong_head_of_labelme_is_named_with_its_value(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    write_labelme(tmp_path / "1.json", **({"shapes": [drawn("cup", "rectangle", (0, 0), (1, 1))]} | changes))
    with pytest.raises(DataError, match=complaint):
        open_dataset(f"labelme:{tmp_path}", "all").read(0)


def test_labels_of_labelme_differ_by_more_than_blanks(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    write_labelme(
        tmp_path / "1.json", drawn("a ", "rectangle", (0, 0), (2, 4)), drawn("a", "rectangle", (3, 0), (5, 4))
    )
    data = open_dataset(f"labelme:{tmp_path}", "all")
    assert data.classes.names == ("background", "a")
    assert data.read(0).labels[0].tolist() == [1, 1, 0, 1, 1]
    (tmp_path / "labels.txt").write_text("a \n")
    assert open_dataset(f"labelme:{tmp_path}", "all").read(0).labels[0].tolist() == [1, 1, 0, 1, 1]


def test_more_labels_than_ids_are_named(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    write_labelme(tmp_path / "1.json", *(drawn(str(i), "rectangle", (0, 0), (1, 1)) for i in range(300)))
    with pytest.raises(DataError, match=f"{tmp_path}: expected 1 to 255 classes"):
        open_dataset(f"labelme:{tmp_path}", "all")


def test_shapes_of_labelme_that_show_nowhere_are_named(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    write_labelme(
        tmp_path / "1.json",
        drawn("a", "rectangle", (0, 0), (5, 4)),
        drawn("a", "polygon", (1, 1), (2, 2)),
        drawn("a", "linestrip", (1, 1)),
        drawn("a", "mask", (90, 90), (91, 91), mask=png(np.ones((2, 2), bool))),
        drawn("a", "polygon", (50, 1), (52, 1), (52, 3)),
    )
    data = open_dataset(f"labelme:{tmp_path}", "all")
    assert [finding.message for finding in audit(data).warnings if finding.kind == "undrawn"] == [
        "1: 4 objects show in no label: a (shapes[1]), which has 2 points, too few for an outline; "
        "a (shapes[2]), which has no points, too few for an outline; "
        "a (shapes[3]), whose mask is empty or lies outside the picture; ..."
    ]


def test_shapes_of_labelme_that_later_ones_cover_are_named(tmp_path: Path) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    write_labelme(
        tmp_path / "1.json",
        drawn("a", "rectangle", (1, 1), (2, 2)),
        drawn("b", "rectangle", (0, 0), (5, 4)),
        drawn("c", "rectangle", (3, 1), (4, 4)),
    )
    data = open_dataset(f"labelme:{tmp_path}", "all")
    assert [finding.message for finding in audit(data).warnings if finding.kind == "undrawn"] == [
        "1: 1 object shows in no label: a (shapes[0]), which later objects cover"
    ]


def test_a_mask_of_labelme_fills_the_box_of_its_points(tmp_path: Path) -> None:
    """labelme cuts the fractions of a point off, and both points are within the mask."""
    write_photo(tmp_path / "1.jpg", 4, 5)
    whole = png(np.ones((2, 2), bool))
    write_labelme(tmp_path / "1.json", drawn("a", "mask", (1.7, 0.7), (2.7, 1.7), mask=whole))
    data = open_dataset(f"labelme:{tmp_path}", "all")
    assert np.argwhere(data.read(0).labels).tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    write_labelme(tmp_path / "1.json", drawn("a", "mask", (1, 0), (3, 1), mask=whole))
    with pytest.raises(DataError, match=r"1.json, shapes\[0\] .* mask is 2 x 2 pixels, .* points mark 3 x 2"):
        data.read(0)


@pytest.mark.parametrize("between", ["\x0c", "\x85", "\u2028", "\x1b[31m", "\n\n"])
def test_a_line_of_labels_txt_is_the_name_of_a_class(tmp_path: Path, between: str) -> None:
    write_photo(tmp_path / "1.jpg", 4, 5)
    write_labelme(tmp_path / "1.json", drawn("a", "rectangle", (0, 0), (5, 4)))
    (tmp_path / "labels.txt").write_text(f"a{between}b\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"labels.txt: line \d is"):
        open_dataset(f"labelme:{tmp_path}", "all")


def test_a_size_turned_is_the_pictures_if_it_has_to_be_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (5, 4)).save(tmp_path / "1.jpg", exif=exif.tobytes())
    write_labelme(tmp_path / "1.json", drawn("a", "rectangle", (0, 0), (4, 1)), imageHeight=5, imageWidth=4)
    data = open_dataset(f"labelme:{tmp_path}", "all")
    assert data.read(0).labels.tolist() == [[1] * 4] + [[0] * 4] * 4
    write_labelme(tmp_path / "1.json", drawn("a", "rectangle", (0, 0), (4, 1)), imageHeight=4, imageWidth=5)
    with pytest.raises(DataError, match=r"1.json is 5 x 4 pixels, its image .* 4 x 5"):
        data.read(0)


def test_files_below_a_link_are_read(tmp_path: Path) -> None:
    (tmp_path / "disk/a").mkdir(parents=True)
    (tmp_path / "disk/a/1.json").write_text('{"shapes": [], "imagePath": "1.jpg"}')
    (tmp_path / "work").mkdir()
    (tmp_path / "work/day").symlink_to(tmp_path / "disk")
    entries = open_dataset(f"labelme:{tmp_path / 'work'}", "all").entries
    assert [entry.id for entry in entries] == ["day/a/1"]


def test_pipes_among_the_json_files_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.json")
    with pytest.raises(DataError, match=r"1.json cannot be read: .*pipe"):
        open_dataset(f"labelme:{tmp_path}", "all")
    (tmp_path / "1.json").unlink()
    (tmp_path / "1.json").symlink_to("/dev/zero")
    with pytest.raises(DataError, match=r"1.json cannot be read: .*device"):
        open_dataset(f"labelme:{tmp_path}", "all")


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("polygon", [(5, 5), (50, 8), (30, 52)]),
        ("polygon", [(5, 5), (50, 50), (50, 5), (5, 50)]),
        ("rectangle", [(8, 20), (40, 51)]),
        ("oriented_rectangle", [(20, 5), (50, 35), (40, 45), (10, 15)]),
        ("circle", [(30, 30), (42, 30)]),
        ("line", [(5, 5), (50, 40)]),
        ("linestrip", [(5, 30), (50, 30), (50, 50)]),
        ("point", [(30, 30)]),
    ],
)
def test_shapes_are_drawn_as_labelme_draws_them_but_for_their_border(
    tmp_path: Path, kind: str, points: list[tuple[int, int]]
) -> None:
    """labelme draws with Pillow, which paints the border pixels too; lines 10 wide, points of radius 5."""
    write_photo(tmp_path / "1.jpg", 60, 60)
    write_labelme(tmp_path / "1.json", drawn("a", kind, *points), imageHeight=60, imageWidth=60)
    ours = open_dataset(f"labelme:{tmp_path}", "all").read(0).labels == 1
    picture = Image.new("L", (60, 60))
    draw = ImageDraw.Draw(picture)
    (x0, y0), (x1, y1) = points[0], points[-1]
    radius = {"circle": math.dist(points[0], points[-1]), "point": 5.0}.get(kind, 0)
    if kind in ("polygon", "oriented_rectangle"):
        draw.polygon(points, fill=1, outline=1)
    elif kind == "rectangle":
        draw.rectangle((x0, y0, x1, y1), fill=1, outline=1)
    elif radius:
        draw.ellipse((x0 - radius, y0 - radius, x0 + radius, y0 + radius), fill=1, outline=1)
    else:
        draw.line(points, fill=1, width=10)
    theirs = np.array(picture) > 0
    assert ours.sum() > 60
    near = maximum_filter(ours, 5) & ~minimum_filter(ours, 5)
    assert not ((ours != theirs) & ~near).any()
