"""COCO's JSON, instances and panoptic, written here as its tools write it."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_files import write_colours, write_photo
from scipy.ndimage import maximum_filter, minimum_filter

from pixelwise.core.errors import DataError, SplitError
from pixelwise.data import open_dataset
from pixelwise.data.checks.audit import audit
from pixelwise.data.formats.outlines import outline, paint
from pixelwise.data.sample_files import Drawing

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
                "bbox": [0, 0, 4, 4],
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


@pytest.mark.parametrize("images", ["val", "images/val", "images", "annotations/images", "annotations/data"])
def test_pictures_are_found_in_the_folders_that_tools_use(tmp_path: Path, images: str) -> None:
    """CVAT writes images/ or images/SPLIT/ beside annotations/, FiftyOne data/ beside its JSON file."""
    file = write_coco(tmp_path, instances(), "instances_val")
    (tmp_path / "images/val").mkdir(parents=True)  # without pictures
    write_photo(tmp_path / images / "a/1.jpg", 4, 5)
    data = open_dataset(f"coco:{file}", "all")
    assert data.entries[0].image.path == tmp_path / images / "a/1.jpg"


def test_pictures_are_found_by_their_name_alone_if_the_path_is_of_another_machine(tmp_path: Path) -> None:
    """Label Studio's file_name may be a path on its server, while the pictures are in images/."""
    path = "..\\..\\label-studio\\media\\upload\\4\\1.jpg"
    file = tmp_path / "result.json"
    file.write_text(json.dumps(instances(images=[{"id": 7, "file_name": path, "height": 4, "width": 5}])))
    write_photo(tmp_path / "images/1.jpg", 4, 5)
    (entry,) = open_dataset(f"coco:{file}", "all").entries
    assert (entry.id, entry.image.path) == ("1", tmp_path / "images/1.jpg")


def test_one_picture_is_not_taken_for_two_whose_paths_differ(tmp_path: Path) -> None:
    named = [{"id": n, "file_name": f"/srv/{n}/1.jpg", "height": 4, "width": 5} for n in (7, 8)]
    (tmp_path / "result.json").write_text(json.dumps(instances(images=named)))
    write_photo(tmp_path / "images/1.jpg", 4, 5)
    with pytest.raises(DataError, match=r"images/1\.jpg by 2 different names"):
        open_dataset(f"coco:{tmp_path / 'result.json'}", "all")


def test_categories_of_equal_names_are_one_class(tmp_path: Path) -> None:
    """Roboflow's files begin with a category that is called as the project, and often as its class."""
    categories = [{"id": 0, "name": "cat"}, {"id": 3, "name": "dog"}, {"id": 18, "name": "cat"}]
    write_coco(tmp_path, instances(categories=categories))
    data = open_dataset(f"coco:{tmp_path}", "val")
    assert data.classes.names == ("background", "cat", "dog")
    assert set(data.read(0).labels.ravel()) == {0, 1}


def test_an_unlabelled_picture_of_coco_is_background(tmp_path: Path) -> None:
    write_coco(tmp_path, instances(annotations=[]))
    assert not open_dataset(f"coco:{tmp_path}", "val").read(0).labels.any()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"categories": None}, r"instances_val2017.json has categories = null: it should be a list"),
        (
            {"images": [{"id": 7, "file_name": "a/1.jpg"}]},
            r"instances_val2017.json has no images\[0\].height, and 1 more fields are wrong",
        ),
    ],
)
def test_json_that_is_not_cocos_is_named(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    write_coco(tmp_path, instances(**changes))
    with pytest.raises(DataError, match=complaint):
        open_dataset(f"coco:{tmp_path}", "val")


@pytest.mark.parametrize(
    ("segmentation", "complaint"),
    [
        ([[1, 1, 3]], r"has annotations\[0\].segmentation\[0\] = a list of 3: it should be x, y, x, y, ..."),
        (
            [SQUARE, [1, 1, None, 1]],
            r"annotations\[0\].segmentation\[1\]\[2\] = null: it should be a valid number",
        ),
        ([[1, 1, "a", 1]], r'segmentation\[0\]\[2\] = "a": it should be a valid number'),
        ([[1, 1, float("nan"), 1]], r"segmentation\[0\]\[2\] = nan: it should be a finite number"),
        ([[1, 1, -float("inf"), 1]], r"segmentation\[0\]\[2\] = -inf: it should be a finite number"),
        ([[1, 1, 10**400, 1]], r"segmentation\[0\]\[2\] = .*: it should be a finite number"),
        (
            [[1, 1, 1e300, 1]],
            r"segmentation\[0\]\[2\] = 1e\+300: it should be less than or equal to 1000000000",
        ),
        ("polygon", r'segmentation = "polygon": it should be a list'),
        ({"size": [4, 5]}, r"has no annotations\[0\].segmentation.counts"),
        ({"size": [4, 5], "counts": [-1, 21]}, r"segmentation.counts\[0\] = -1: it should be greater than"),
        ({"size": [4, 5], "counts": "\n"}, "it should be compressed run lengths"),
        ({"size": [4, 5], "counts": "o" * 1000}, "it should be compressed run lengths"),
        (
            {"size": [4, 5], "counts": [1, 2]},
            "an object in .*a/1.jpg cannot be drawn: runs of 3 pixels do not fill 5 x 4",
        ),
        (
            {"size": [5, 4], "counts": [0, 20]},
            "annotation 1 in .*a/1.jpg .* its mask is 4 x 5 pixels, its picture 5 x 4",
        ),
        (
            {"size": [8, 10], "counts": [0, 80]},
            "annotation 1 in .*a/1.jpg .* its mask is 10 x 8 pixels, its picture 5 x 4",
        ),
    ],
)
def test_an_object_that_cannot_be_drawn_is_named(tmp_path: Path, segmentation: Any, complaint: str) -> None:
    wrong = {"id": 1, "image_id": 7, "category_id": 0, "segmentation": segmentation}
    write_coco(tmp_path, instances(annotations=[wrong]))
    with pytest.raises(DataError, match=complaint) as caught:
        open_dataset(f"coco:{tmp_path}", "val").read(0)
    assert "instances_val2017.json" in str(caught.value)


@pytest.mark.parametrize("image_id", ["7", 7.0])
def test_image_ids_match_as_text_and_as_numbers(tmp_path: Path, image_id: Any) -> None:
    write_coco(
        tmp_path,
        instances(annotations=[{"image_id": image_id, "category_id": "18", "segmentation": [SQUARE]}]),
    )
    assert (open_dataset(f"coco:{tmp_path}", "val").read(0).labels == 2).sum() == 4


CAT = instances()["annotations"][0]
PICTURE = instances()["images"][0]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"annotations": [CAT, CAT | {"image_id": "x"}, CAT | {"image_id": 9}, CAT | {"image_id": 9}]},
            'the image_id of 3 of 4 annotations is not among its images: "x", "9"',
        ),
        (
            {"annotations": [CAT, CAT | {"category_id": 5}]},
            "the category_id of 1 of 2 annotations is not among its categories: 5",
        ),
        ({"images": [PICTURE, PICTURE | {"id": 8}]}, 'has 1 repeated file_name: "a/1.jpg"'),
        (
            {"images": [PICTURE, PICTURE | {"id": 8, "file_name": "a\\1.jpg"}]},
            'has 1 repeated file_name: "a/1.jpg"',
        ),
        *(
            (
                {"images": [PICTURE, PICTURE | {"id": 8, "file_name": detour}]},
                'has 1 repeated file_name: "a/1.jpg"',
            )
            for detour in ("./a/1.jpg", "a//1.jpg", "a/b/../1.jpg")
        ),
        ({"images": [PICTURE, PICTURE | {"id": "7", "file_name": "b.jpg"}]}, 'has 1 repeated image id: "7"'),
        ({"categories": [{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]}, "has 1 repeated category id: 0"),
        (
            {
                "annotations": [
                    CAT,
                    {"id": 5, "image_id": 7, "category_id": 0, "bbox": [1, 1, 2, 2], "segmentation": []},
                ]
            },
            "1 of 2 objects have a box but no outline: annotation 5 in a/1.jpg\nhint: .*boxes-to-masks",
        ),
    ],
)
def test_records_that_do_not_belong_together_are_counted_and_named(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    write_coco(tmp_path, instances(**changes))
    with pytest.raises(DataError, match=complaint) as caught:
        open_dataset(f"coco:{tmp_path}", "val")
    assert "instances_val2017.json" in caught.value.message


@pytest.mark.parametrize(
    "segmentation", [[[0, 0, 9, 9]], {"size": [50_000, 50_000], "counts": [0, 400_000_000]}]
)
def test_a_size_that_is_not_the_pictures_is_refused_before_memory_is_taken(
    tmp_path: Path, segmentation: Any
) -> None:
    huge = PICTURE | {"height": 50_000, "width": 50_000}
    write_coco(tmp_path, instances(images=[huge], annotations=[CAT | {"segmentation": segmentation}]))
    with pytest.raises(DataError, match=r"1.jpg is 5 x 4 pixels, but .*val2017.json says 50000 x 50000"):
        open_dataset(f"coco:{tmp_path}", "val").read_labels(0)


@pytest.mark.parametrize(
    ("file_name", "complaint"),
    [
        (".", 'images[0].file_name = ".": it should name a picture, not a folder'),
        ("/", 'images[0].file_name = "/": it should name a picture, not a folder'),
        ("a/..", "it should name a picture, not a folder"),
        ("", "it should name a picture, not a folder"),
        (None, "images[0].file_name = null: it should be a valid string"),
        ("a\0b", 'images[0].file_name = "a\\x00b": it should name a picture, but holds a NUL'),
        ("x" * 5000, "it should name a picture, but is longer than the name of a file can be"),
    ],
)
def test_what_is_not_the_name_of_a_picture_is_named(tmp_path: Path, file_name: Any, complaint: str) -> None:
    write_coco(tmp_path, instances(images=[PICTURE | {"file_name": file_name}]))
    with pytest.raises(DataError, match=re.escape(complaint)):
        open_dataset(f"coco:{tmp_path}", "val")


def test_a_folder_with_the_name_of_a_picture_is_named(tmp_path: Path) -> None:
    write_coco(tmp_path, instances(images=[PICTURE | {"file_name": "a"}]))
    data = open_dataset(f"coco:{tmp_path}", "val")
    with pytest.raises(DataError, match=r"val2017/a: .*folder"):
        data.read(0)
    assert [error.message for error in audit(data).errors] == [
        f"a: the image {tmp_path / 'val2017/a'} cannot be read: it is a folder"
    ]


def test_names_may_have_backslashes(tmp_path: Path) -> None:
    write_coco(tmp_path, instances(images=[PICTURE | {"file_name": "a\\1.jpg"}]))
    data = open_dataset(f"coco:{tmp_path}", "val")
    assert data.entries[0].id == "a/1"
    assert (data.read(0).labels == 1).sum() == 4


def test_objects_that_show_nowhere_are_counted_and_named(tmp_path: Path) -> None:
    nothing = [
        [[1, 1, 3, 3]],
        [[2, 2]],
        [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9]],
        [[40, 40, 90, 40, 90, 90]],
        [[1.1, 1.1, 1.3, 1.1, 1.3, 1.3]],
        {"size": [4, 5], "counts": [20]},
        [],
    ]
    things = [CAT | {"id": 10 + i, "segmentation": segmentation} for i, segmentation in enumerate(nothing)]
    covered = CAT | {"id": 1, "segmentation": [SQUARE]}
    write_coco(tmp_path, instances(annotations=[covered, covered, *things]))
    data = open_dataset(f"coco:{tmp_path}", "val")
    part = data.entries[0].labels["semantic"]
    assert isinstance(part, Drawing)
    assert set(part.draw()[1]) == {
        "cat (annotation 10), which has 2 points, too few for an outline",
        "cat (annotation 11), which has 1 point, too few for an outline",
        "cat (annotation 12), whose coordinates lie between 0 and 1: "
        "are they shares of the picture's size, not pixels?",
        "cat (annotation 13), which lies outside the picture",
        "cat (annotation 14), which is too small to cover a pixel's centre",
        "cat (annotation 15), whose mask is empty or lies outside the picture",
        "cat (annotation 16), which has no points, too few for an outline",
    }
    report = audit(data)
    assert [warning.message[:33] for warning in report.warnings if warning.kind == "undrawn"] == [
        "a/1: 7 objects show in no label: "
    ]
    assert report.errors == []


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of pycocotools with numpy 2
def test_objects_are_filled_as_pycocotools_fills_them(tmp_path: Path) -> None:
    """Exactly along pixel borders; in general but for pixels that the outline crosses."""
    masks = pytest.importorskip("pycocotools.mask", reason='pip install ".[peers]"')
    rng = np.random.default_rng(3)
    size = 40, 50
    for number in range(20):
        whole = number < 10
        parts = []
        for _ in range(rng.integers(1, 4)):
            if whole:
                (x0, x1), (y0, y1) = (
                    np.sort(rng.choice(40, 2, replace=False)),
                    np.sort(rng.choice(40, 2, replace=False)),
                )
                parts.append([float(v) for v in (x0, y0, x1, y0, x1, y1, x0, y1)])
            else:
                angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
                x, y = rng.uniform(10, 30, 2)
                parts.append(np.stack([x + 12 * np.cos(angles), y + 9 * np.sin(angles)], 1).ravel().tolist())
        theirs = masks.decode(masks.merge(masks.frPyObjects(parts, *size))).astype(bool)
        ours = paint(size, [(1, [outline(part) for part in parts])])[0].astype(bool)
        edge = ours ^ minimum_filter(ours, 3) | maximum_filter(ours, 3) ^ ours
        assert not ((ours != theirs) & ~edge).any()
        assert (
            ours.sum() == theirs.sum()
            if whole
            else abs(int(ours.sum()) - int(theirs.sum())) < 0.1 * ours.sum()
        )


@pytest.mark.parametrize("seed", range(5))
def test_compressed_runs_are_decoded_as_pycocotools_decodes_them(tmp_path: Path, seed: int) -> None:
    masks = pytest.importorskip("pycocotools.mask", reason='pip install ".[peers]"')
    mask = np.random.default_rng(seed).random((4, 5)) < 0.5
    runs = {
        "size": [4, 5],
        "counts": masks.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode(),
    }
    write_coco(tmp_path, instances(annotations=[CAT | {"segmentation": runs}]))
    assert (open_dataset(f"coco:{tmp_path}", "val").read(0).labels == 1).tolist() == mask.tolist()


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


def test_a_segment_without_pixels_is_named(tmp_path: Path) -> None:
    panoptic(tmp_path, [{"id": id_, "category_id": 1} for id_ in (300, 65536, 7)])
    warnings = audit(open_dataset(f"coco:{tmp_path}", "val")).warnings
    assert "a/1: 1 object shows in no label: segment 7, which has no pixel" in [
        warning.message for warning in warnings
    ]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"image_id": 9}, 'the image_id of 1 of 1 annotations is not among its images: "9"'),
        (
            {"segments_info": [{"id": 300, "category_id": 5}]},
            "the category_id of 1 of 1 .* its categories: 5",
        ),
        ({"segments_info": None}, r"has annotations\[0\].segments_info = null: it should be a list"),
    ],
)
def test_panoptic_records_that_do_not_belong_together_are_named(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    panoptic(tmp_path, [{"id": 300, "category_id": 1}])
    file = tmp_path / "annotations/panoptic_val2017.json"
    content = json.loads(file.read_text())
    content["annotations"][0] |= changes
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=complaint):
        open_dataset(f"coco:{tmp_path}", "val")


@pytest.mark.parametrize(
    ("again", "complaint"),
    [
        ({"image_id": 8}, 'has 1 repeated file_name among its annotations: "1.png"'),
        ({"file_name": "2.png"}, 'has 1 repeated image_id among its annotations: "7"'),
    ],
)
def test_each_panoptic_picture_has_its_own_labels(
    tmp_path: Path, again: dict[str, Any], complaint: str
) -> None:
    panoptic(tmp_path, [{"id": 300, "category_id": 1}])
    file = tmp_path / "annotations/panoptic_val2017.json"
    content = json.loads(file.read_text())
    content["images"].append(content["images"][0] | {"id": 8, "file_name": "a/2.jpg"})
    content["annotations"].append(content["annotations"][0] | again)
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=complaint):
        open_dataset(f"coco:{tmp_path}", "val")


def test_a_segment_the_json_does_not_name_is_an_error(tmp_path: Path) -> None:
    panoptic(tmp_path, [{"id": 300, "category_id": 200}])
    with pytest.raises(DataError, match=r"1.png holds segments that its JSON does not name: \[65536\]"):
        open_dataset(f"coco:{tmp_path}", "val").read(0)


def test_a_split_of_several_years_is_asked_for_by_its_year(tmp_path: Path) -> None:
    for year in ("val2014", "val2017"):
        write_coco(tmp_path, instances(), f"instances_{year}")
    with pytest.raises(DataError, match=r'the split "val" of .* may be any of val2014, val2017\nhint: name'):
        open_dataset(f"coco:{tmp_path}", "val")
    assert len(open_dataset(f"coco:{tmp_path}", "val2014")) == 1
    write_coco(tmp_path, instances(images=[], annotations=[]), "instances_val")
    with pytest.raises(SplitError, match="is empty"):
        open_dataset(f"coco:{tmp_path}", "val")


def test_the_subsets_of_cvat_are_splits(tmp_path: Path) -> None:
    for subset in ("Train", "Validation"):
        write_coco(tmp_path, instances(), f"instances_{subset}")
        write_photo(tmp_path / f"images/{subset}/a/1.jpg", 4, 5)
    for split, subset in (("train", "Train"), ("val", "Validation"), ("Train", "Train")):
        (entry,) = open_dataset(f"coco:{tmp_path}", split).entries
        assert entry.image.path == tmp_path / f"images/{subset}/a/1.jpg"


def test_coco_without_the_split_says_what_it_looked_for(tmp_path: Path) -> None:
    write_coco(tmp_path, instances())
    with pytest.raises(
        DataError, match=r"instances_train\*.json not found\nhint: there are instances_val2017.json; PATH may"
    ):
        open_dataset(f"coco:{tmp_path}", "train")
    for odd in ("**", "[", "*"):
        with pytest.raises(SplitError, match="not found"):
            open_dataset(f"coco:{tmp_path}", odd)
