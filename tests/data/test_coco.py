"""COCO's JSON, instances and panoptic, written here as its tools write it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_files import write_colours, write_photo

from pixelwise.data import open_dataset
from pixelwise.errors import DataError, SplitError

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


def test_a_split_of_several_years_is_asked_for_by_its_year(tmp_path: Path) -> None:
    for year in ("val2014", "val2017"):
        write_coco(tmp_path, instances(), f"instances_{year}")
    with pytest.raises(DataError, match=r'the split "val" of .* may be any of val2014, val2017\nhint: name'):
        open_dataset(f"coco:{tmp_path}", "val")
    assert len(open_dataset(f"coco:{tmp_path}", "val2014")) == 1
    write_coco(tmp_path, instances(images=[], annotations=[]), "instances_val")
    with pytest.raises(SplitError, match="is empty"):
        open_dataset(f"coco:{tmp_path}", "val")


def test_coco_without_the_split_says_what_it_looked_for(tmp_path: Path) -> None:
    write_coco(tmp_path, instances())
    with pytest.raises(DataError, match=r"annotations/instances_train\*.json not found"):
        open_dataset(f"coco:{tmp_path}", "train")
