"""Hidden files, as macOS writes "._NAME" beside every NAME, are part of no data set."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from label_files import write_colours, write_label, write_list, write_photo
from PIL import Image

from pixelwise.core.named_files import NamedFiles
from pixelwise.core.visible_files import visible
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.data.hha import Camera
from pixelwise.data.hha_files import write_hha
from pixelwise.data.sources.boxes import open_boxes

XML = (
    "<annotation><filename>{0}.jpg</filename><size><width>3</width><height>2</height></size><object>"
    "<name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object>"
    "</annotation>"
)
OUTLINE = [[0, 0], [2, 0], [2, 2], [0, 2]]


def opened(spec: str, split: str = "all") -> Callable[[Path], LabelledImages]:
    return lambda root: open_dataset(f"{spec}:{root}", split)


def boxes(root: Path) -> LabelledImages:
    return open_boxes(f"voc:{root}", "all", None, lambda image, _: np.ones(image.shape[:2], np.uint8))


def folder(root: Path) -> None:
    for name in ("a", "b"):
        write_photo(root / f"images/{name}.png", 2, 3)
        write_label(root / f"labels/{name}.png", [[0, 1, 0]] * 2)
    write_list(root / "classes.txt", "ground", "cat")


def voc_boxes(root: Path, places: tuple[str, str] = ("Annotations", "JPEGImages")) -> None:
    for name in ("a", "b"):
        write_list(root / places[0] / f"{name}.xml", XML.format(name))
        write_photo(root / places[1] / f"{name}.jpg", 2, 3)


def labelimg(root: Path) -> None:
    voc_boxes(root, (".", "."))


def cityscapes(root: Path) -> None:
    for name in ("a", "b"):
        write_photo(root / f"leftImg8bit/val/ulm/{name}_leftImg8bit.png", 2, 3)
        write_label(root / f"gtFine/val/ulm/{name}_gtFine_labelIds.png", [[7, 33, 7]] * 2)


def stanford(root: Path) -> None:
    for name in ("a", "b"):
        write_photo(root / f"images/{name}.jpg", 2, 3)
        for kind in ("regions", "surfaces"):
            write_list(root / f"labels/{name}.{kind}.txt", "0 1 2", "0 1 2")


def coco(root: Path) -> None:
    images = [{"id": id_, "file_name": f"{id_}.jpg", "height": 2, "width": 3} for id_ in (1, 2)]
    outline = [value for point in OUTLINE for value in point]
    content = {
        "images": images,
        "annotations": [
            {"id": id_, "image_id": id_, "category_id": 1, "segmentation": [outline]} for id_ in (1, 2)
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }
    write_list(root / "annotations/instances_val2017.json", json.dumps(content))
    for image in images:
        write_photo(root / f"val2017/{image['file_name']}", 2, 3)


def labelme(root: Path) -> None:
    for name in ("a", "b"):
        write_photo(root / f"{name}.jpg", 2, 3)
        shape = {"label": "cat", "shape_type": "polygon", "points": OUTLINE}
        content = {"shapes": [shape], "imagePath": f"{name}.jpg", "imageHeight": 2, "imageWidth": 3}
        write_list(root / f"{name}.json", json.dumps(content))


def yolo(root: Path) -> None:
    write_list(root / "data.yaml", "names: [cat]")
    for name in ("a", "b"):
        write_photo(root / f"images/{name}.jpg", 2, 3)
        write_list(root / f"labels/{name}.txt", "0 0 0 0.7 0 0.7 1 0 1")


def cvat(root: Path) -> None:
    write_list(root / "labelmap.txt", "background:0,0,0::", "cat:9,9,9::")
    for name in ("a", "b"):
        write_photo(root / f"JPEGImages/{name}.jpg", 2, 3)
        write_colours(root / f"SegmentationClass/{name}.png", [[(0, 0, 0), (9, 9, 9), (0, 0, 0)]] * 2)
    write_list(root / "ImageSets/Segmentation/default.txt", "a", "b")


def add_hidden(root: Path) -> None:
    """What macOS writes on disks of other systems, and a folder of another program."""
    for path in [path for path in root.rglob("*") if path.is_file()]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    for path in [path for path in root.iterdir() if path.is_dir()]:
        (path / ".cache").mkdir()
        (path / ".cache/c.png").write_bytes(b"no picture")


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (folder, opened("folder")),
        (voc_boxes, boxes),
        (labelimg, boxes),
        (cityscapes, opened("cityscapes")),
        (stanford, opened("stanford_background")),
        (coco, opened("coco", "val")),
        (labelme, opened("labelme")),
        (yolo, opened("yolo")),
        (cvat, opened("cvat")),
    ],
)
def test_hidden_files_are_not_samples(
    tmp_path: Path, write: Callable[[Path], None], read: Callable[[Path], LabelledImages]
) -> None:
    write(tmp_path)
    before = [entry.id for entry in read(tmp_path).entries]
    add_hidden(tmp_path)
    data = read(tmp_path)
    assert [entry.id for entry in data.entries] == before
    assert len(before) == 2
    for index in (0, 1):
        assert data.read(index).labels.any()


def test_hidden_files_are_neither_depth_nor_masks(tmp_path: Path) -> None:
    (tmp_path / "depth").mkdir()
    Image.fromarray(np.full((12, 16), 2000, np.uint16)).save(tmp_path / "depth/a.png")
    add_hidden(tmp_path)
    made = write_hha(tmp_path / "depth", tmp_path / "out", Camera(10, 10, 8, 6))
    assert [path.name for path in made] == ["a.png"]
    assert list(NamedFiles.of(tmp_path / "depth", {".png"}).files) == ["a"]


def test_a_folder_that_is_hidden_itself_may_be_read(tmp_path: Path) -> None:
    for name in (".data/b/x", ".data/a", ".data/.c", ".data/.d/e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    root = tmp_path / ".data"
    assert visible(root) == [root / "a", root / "b"]
    assert visible(root, "**/*") == [root / "a", root / "b", root / "b/x"]
