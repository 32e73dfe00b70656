"""Every file of every kind of data, damaged in every way, gives an error that names it, and no other."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from label_files import write_colours, write_label, write_list, write_mat, write_mat_73, write_photo
from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.data import SOURCES, open_dataset
from pixelwise.data.checks.audit import audit
from pixelwise.data.conversion import convert
from pixelwise.data.sources.folder import file_stem

SIZE = 12, 16
ZEROS = [[0] * SIZE[1]] * SIZE[0]
ONES = np.ones(SIZE, np.uint8)
SCENES = "spatial_envelope_256x256_static_8outdoorcategories"


def photo(path: Path) -> None:
    write_photo(path, *SIZE)


def folder(root: Path) -> str:
    photo(root / "train/images/a.png")
    write_label(root / "train/labels/a.png", ZEROS)
    write_label(root / "train/labels.flat/a.png", ZEROS, "P")
    (root / "train/channels.height").mkdir()
    np.save(root / "train/channels.height/a.npy", np.ones(SIZE))
    write_list(root / "classes.txt", "one")
    write_list(root / "classes.flat.txt", "one")
    return f"folder:{root}"


def manifest(root: Path) -> str:
    photo(root / "a.png")
    write_label(root / "b.png", ZEROS)
    write_list(root / "classes.txt", "one")
    write_list(root / "list.csv", "image,label,split", "a.png,b.png,train")
    return f"manifest:{root / 'list.csv'}"


def json_lines(root: Path) -> str:
    manifest(root)
    (root / "list.csv").unlink()
    write_list(root / "list.jsonl", '{"image": "a.png", "label": "b.png", "split": "train"}')
    return f"manifest:{root / 'list.jsonl'}"


def voc(root: Path) -> str:
    photo(root / "JPEGImages/a.jpg")
    write_label(root / "SegmentationClass/a.png", ZEROS, "P")
    write_list(root / "ImageSets/Segmentation/train.txt", "a")
    return f"voc:{root}"


def sbd(root: Path) -> str:
    photo(root / "img/a.jpg")
    write_mat(root / "cls/a.mat", {"GTcls": {"Segmentation": ONES}})
    write_list(root / "train.txt", "a")
    return f"sbd:{root}"


def pascal_context(root: Path) -> str:
    photo(root / "VOC2010/JPEGImages/a.jpg")
    write_list(root / "VOC2010/ImageSets/Main/train.txt", "a")
    write_mat(root / "trainval/a.mat", {"LabelMap": ONES})
    return f"pascal_context:{root}"


def nyud(root: Path) -> str:
    photo(root / "data/images/img_5001.png")
    for name in ("depth", "hha"):
        (root / f"data/{name}").mkdir()
    Image.new("I;16", SIZE[::-1], 2000).save(root / "data/depth/img_5001.png")
    photo(root / "data/hha/img_5001.png")
    write_mat(root / "segmentation/img_5001.mat", {"segmentation": ONES})
    write_list(root / "train.txt", "5001")
    return f"nyud:{root}"


def silberman(root: Path) -> str:
    file = root / "nyu_depth_v2_labeled.mat"
    one = {name: np.ones((*SIZE, 1), kind) for name, kind in (("depths", np.float32), ("labels", np.uint16))}
    write_mat_73(file, {"images": np.ones((*SIZE, 3, 1), np.uint8), **one})
    write_list(root / "train.txt", "5001")
    return f"nyud:{root}"


def sift_flow(root: Path) -> str:
    photo(root / "Images" / SCENES / "a.jpg")
    for name in ("SemanticLabels", "GeoLabels"):
        write_mat(root / name / SCENES / "a.mat", {"S": ONES})
    return f"sift_flow:{root}"


def stanford_background(root: Path) -> str:
    for name in "ab":
        photo(root / f"images/{name}.jpg")
        for kind in ("regions", "surfaces"):
            write_list(root / f"labels/{name}.{kind}.txt", *["1 " * SIZE[1]] * SIZE[0])
    return f"stanford_background:{root}"


def camvid(root: Path) -> str:
    photo(root / "train/a.png")
    write_label(root / "trainannot/a.png", ZEROS)
    return f"camvid:{root}"


def cityscapes(root: Path) -> str:
    for name in "ab":
        photo(root / f"leftImg8bit/train/ulm/{name}_leftImg8bit.png")
        write_label(root / f"gtFine/train/ulm/{name}_gtFine_labelIds.png", [[7] * SIZE[1]] * SIZE[0])
    return f"cityscapes:{root}"


def coco(root: Path) -> str:
    photo(root / "train/a.jpg")
    image = {"id": 1, "file_name": "a.jpg", "height": SIZE[0], "width": SIZE[1]}
    thing = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 5, 0, 5, 5]], "iscrowd": 0}
    content = {"images": [image], "annotations": [thing], "categories": [{"id": 1, "name": "one"}]}
    write_list(root / "annotations/instances_train.json", json.dumps(content))
    return f"coco:{root}"


def panoptic(root: Path) -> str:
    photo(root / "train/a.jpg")
    write_colours(root / "annotations/panoptic_train/a.png", [[(1, 0, 0)] * SIZE[1]] * SIZE[0])
    image = {"id": 1, "file_name": "a.jpg", "height": SIZE[0], "width": SIZE[1]}
    parts = {"image_id": 1, "file_name": "a.png", "segments_info": [{"id": 1, "category_id": 1}]}
    content = {"images": [image], "annotations": [parts], "categories": [{"id": 1, "name": "one"}]}
    write_list(root / "annotations/panoptic_train.json", json.dumps(content))
    return f"coco:{root},labels=panoptic"


def labelme(root: Path) -> str:
    for name in "ab":
        photo(root / f"{name}.jpg")
        shape = {"label": "one", "shape_type": "polygon", "points": [[0, 0], [5, 0], [5, 5]]}
        content = {
            "imageHeight": SIZE[0],
            "imageWidth": SIZE[1],
            "imagePath": f"{name}.jpg",
            "shapes": [shape],
        }
        write_list(root / f"{name}.json", json.dumps(content))
    return f"labelme:{root}"


def cvat(root: Path) -> str:
    for name in "ab":
        photo(root / f"images/{name}.jpg")
    size = f'width="{SIZE[1]}" height="{SIZE[0]}"'
    boxes = [
        f'<image id="{i}" name="{name}.jpg" {size}>'
        '<box label="one" xtl="0" ytl="0" xbr="5" ybr="5" z_order="0"/></image>'
        for i, name in enumerate("ab")
    ]
    labels = "<meta><task><labels><label><name>one</name></label></labels></task></meta>"
    write_list(root / "annotations.xml", f"<annotations>{labels}{''.join(boxes)}</annotations>")
    return f"cvat:{root}"


def cvat_masks(root: Path) -> str:
    for name in "ab":
        photo(root / f"JPEGImages/{name}.jpg")
        write_colours(root / f"SegmentationClass/{name}.png", [[(250, 50, 83)] * SIZE[1]] * SIZE[0])
    write_list(root / "labelmap.txt", "# label:color_rgb:parts:actions", "one:250,50,83::")
    write_list(root / "ImageSets/Segmentation/default.txt", "a", "b")
    return f"cvat:{root}"


def yolo(root: Path) -> str:
    write_list(root / "data.yaml", "names: [one]")
    for name in "ab":
        photo(root / f"images/train/{name}.jpg")
        write_list(root / f"labels/train/{name}.txt", "0 0.1 0.1 0.9 0.1 0.9 0.9")
    return f"yolo:{root}"


BUILDERS = [
    *(
        folder,
        manifest,
        json_lines,
        voc,
        sbd,
        pascal_context,
        nyud,
        silberman,
        sift_flow,
        stanford_background,
    ),
    *(camvid, cityscapes, coco, panoptic, labelme, cvat, cvat_masks, yolo),
]


def rewrite(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "a folder": replace_by_folder,
    "empty": rewrite(lambda _: b""),
    "cut": rewrite(lambda content: content[: len(content) // 2]),
    "noise": rewrite(lambda content: np.random.default_rng(0).bytes(len(content))),
    "zeros": rewrite(lambda content: bytes(len(content))),
    "JSON of another kind": rewrite(lambda _: b"[1, 2]"),
    "hollow JSON": rewrite(lambda _: b'{"images": [1], "annotations": 3, "categories": {}, "shapes": [[]]}'),
    "JSON without lists": rewrite(lambda _: b'{"images": 3, "annotations": null, "shapes": null}'),
    "a picture of another mode": lambda path: Image.new("LA", (3, 2)).save(path, "PNG"),
    "words": rewrite(lambda _: b"these are no labels\nat all\n"),
}


# Lists may lose a line or get another and be lists all the same. What has no channel, no JSON or no mask is
# data without that channel, or a picture that nobody has labelled yet.
LISTS = {"classes.txt", "classes.flat.txt", "train.txt", "default.txt", "labelmap.txt"}
WHOLE = {"stanford_background", "labelme", "cvat"}
FEWER = {("folder", ".npy"), ("labelme", ".json"), ("cvat_masks", ".png"), ("yolo", ".txt")}


def complaints(spec: str) -> str:
    """What is said on opening, auditing and reading everything, or the first of the usual splits."""
    kind = spec.partition(":")[0]
    try:
        dataset = open_dataset(spec, "all" if kind in WHOLE else SOURCES[kind].splits[0])
        dataset = dataset.with_channels(*dataset.entries[0].channels)
    except DataError as error:
        return str(error)
    found = [finding.message for finding in audit(dataset).errors]
    for index in range(len(dataset)):
        try:
            dataset.read(index)
        except DataError as error:
            found.append(str(error))
    return "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_each_damage_is_told_with_the_name_of_the_file(
    build: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.data.sources.sift_flow.shipped", lambda _: ["a"])
    place, whole = tmp_path / "set", tmp_path / "whole"
    place.mkdir()
    spec = build(place)
    assert complaints(spec) == ""
    place.rename(whole)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert len(files) >= 2
    silent = []
    for file in files:
        for name, damage in DAMAGES.items():
            shutil.copytree(whole, place)
            damage(place / file)
            told = complaints(spec)
            no_objects = build is yolo and name == "empty"  # an empty text file says so
            fewer = (name == "removed" or no_objects) and (build.__name__, file.suffix) in FEWER
            if build is yolo and name == "a picture of another mode":
                fewer = True  # outlines are shares of any picture's sides
            if file.stem not in told and file.name not in LISTS and not fewer:
                silent.append((str(file), name, told))
            shutil.rmtree(place)
    assert silent == []


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_every_kind_converts_to_a_folder_that_reads_the_same(
    build: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.data.sources.sift_flow.shipped", lambda _: ["a"])
    (tmp_path / "set").mkdir()
    spec = build(tmp_path / "set")
    kind = spec.partition(":")[0]
    dataset = open_dataset(spec, "all" if kind in WHOLE else SOURCES[kind].splits[0])
    dataset = dataset.with_channels(*dataset.entries[0].channels)
    convert(dataset, tmp_path / "out", "all")
    again = open_dataset(f"folder:{tmp_path / 'out'}", "all").with_channels(*dataset.channels)
    assert {head: map_.classes.names for head, map_ in again.heads.items()} == {
        head: map_.classes.names for head, map_ in dataset.heads.items()
    }
    assert len(again) == len(dataset) >= 1
    places = {entry.id: place for place, entry in enumerate(again.entries)}
    for index, entry in enumerate(dataset.entries):
        one, other = dataset.read(index), again.read(places[file_stem(entry.id)])
        assert np.array_equal(one.image, other.image)
        assert all(np.array_equal(labels, other.heads[head]) for head, labels in one.heads.items())
        assert all(np.array_equal(values, other.channels[name]) for name, values in one.channels.items())


def test_every_kind_is_among_them() -> None:
    assert {build.__name__ for build in BUILDERS} >= set(SOURCES)
