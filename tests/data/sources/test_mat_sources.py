"""The data sets whose labels are MATLAB files or text, in real formats, written here and read back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_files import write_colours, write_list, write_mat, write_mat_73, write_photo
from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset
from pixelwise.data.formats.matlab import read_mat
from pixelwise.data.sources.nyud import _raw_classes, log_depth

PLACE = "spatial_envelope_256x256_static_8outdoorcategories"
Writer = Callable[[Path, dict[str, Any]], None]


@pytest.mark.parametrize("write", [write_mat, write_mat_73])
def test_both_versions_of_mat_give_the_array_as_matlab_shows_it(tmp_path: Path, write: Writer) -> None:
    array = np.arange(6, dtype=np.uint16).reshape(2, 3)
    write(tmp_path / "a.mat", {"LabelMap": array})
    assert read_mat(tmp_path / "a.mat", "LabelMap").tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("write", [write_mat, write_mat_73])
def test_a_variable_that_is_not_there_is_an_error_that_names_those_there_are(
    tmp_path: Path, write: Writer
) -> None:
    write(tmp_path / "a.mat", {"S": np.zeros((2, 2)), "names": np.zeros((1, 1))})
    with pytest.raises(DataError, match=r'a.mat has no variable "LabelMap"\nhint: it has S, names'):
        read_mat(tmp_path / "a.mat", "LabelMap")


@pytest.mark.parametrize("write", [write_mat, write_mat_73])
def test_a_truncated_mat_file_is_named(tmp_path: Path, write: Writer) -> None:
    file = tmp_path / "a.mat"
    write(file, {"S": np.arange(4000).reshape(40, 100) % 7})
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DataError, match=r"a.mat is not a readable .mat file"):
        read_mat(file, "S")
    file.write_bytes(b"not MATLAB at all, but text that somebody saved under this name")
    with pytest.raises(DataError, match=r"a.mat is not a readable .mat file"):
        read_mat(file, "S")


@pytest.fixture
def sbd(tmp_path: Path) -> Path:
    write_photo(tmp_path / "img/2008_1.jpg", 2, 3)
    labels = np.array([[0, 0, 20], [0, 15, 20]], np.uint8)
    boundaries = np.empty((20, 1), object)
    boundaries[:] = [[np.zeros((2, 3))]] * 20
    write_mat(tmp_path / "cls/2008_1.mat", {"GTcls": {"Boundaries": boundaries, "Segmentation": labels}})
    write_list(tmp_path / "train.txt", "2008_1")
    return tmp_path


def test_sbd_reads_the_struct(sbd: Path) -> None:
    data = open_dataset(f"sbd:{sbd}", "train")
    assert data.classes.names[20] == "tvmonitor"
    assert data.read(0).labels.tolist() == [[0, 0, 20], [0, 15, 20]]


def test_faults_of_sbd_are_told(sbd: Path) -> None:
    with pytest.raises(DataError, match=r"no split \"val\".*val.txt not found"):
        open_dataset(f"sbd:{sbd}", "val")
    write_mat(sbd / "cls/2008_1.mat", {"GTcls": {"Boundaries": np.zeros((2, 3))}})
    with pytest.raises(
        DataError, match=r'2008_1.mat has no variable "GTcls.Segmentation"\nhint: it has Bound'
    ):
        open_dataset(f"sbd:{sbd}", "train").read(0)
    write_mat(sbd / "cls/2008_1.mat", {"GTcls": {"Segmentation": np.full((2, 3), 33, np.uint8)}})
    with pytest.raises(DataError, match=r"2008_1.mat holds the ids 33, but only ids 0 to 20, 255 are known"):
        open_dataset(f"sbd:{sbd}", "train").read(0)
    (sbd / "cls/2008_1.mat").unlink()
    with pytest.raises(DataError, match=r"2008_1.mat does not exist"):
        open_dataset(f"sbd:{sbd}", "train").read(0)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    write_photo(tmp_path / "VOC2010/JPEGImages/2008_1.jpg", 1, 6)
    write_list(tmp_path / "VOC2010/ImageSets/Main/val.txt", "2008_1")
    # accordion, aeroplane, bedclothes, cloth, table and wood, of the 459
    ids = np.array([[1, 2, 19, 80, 397, 458]], np.float64)
    write_mat(tmp_path / "context/trainval/2008_1.mat", {"LabelMap": ids})
    return tmp_path / "context"


def test_pascal_context_maps_whole_names_and_the_three_spelt_otherwise(context: Path) -> None:
    data = open_dataset(f"pascal_context:{context}", "val")
    assert len(data.classes) == 60
    found = [data.classes.names[id_] for id_ in data.read(0).labels[0]]
    assert found == ["background", "aeroplane", "bedcloth", "clothes", "diningtable", "wood"]
    table = data.class_map.table
    assert len(table) == 460
    # The ids of the 59 classes as others have published them, in ascending order.
    others = (
        "2 9 18 19 22 23 25 31 33 34 44 45 46 59 65 68 72 80 85 98 104 105 113 115 "
        "144 158 159 162 187 189 207 220 232 258 259 260 284 295 296 308 324 326 347 349 "
        "354 355 360 366 368 397 415 416 420 424 427 440 445 454 458"
    )
    assert sorted(id_ for id_, class_ in table.items() if class_) == [int(id_) for id_ in others.split()]


def test_pascal_context_with_33_classes_has_20_objects_and_13_surroundings(context: Path) -> None:
    data = open_dataset(f"pascal_context:{context},classes=33", "val")
    assert data.classes.names[:21] == open_dataset(f"pascal_context:{context}", "val").classes.names[:21]
    surroundings = "sky grass ground road building tree water mountain wall floor track keyboard ceiling"
    assert data.classes.names[21:] == tuple(surroundings.split())
    found = [data.classes.names[id_] for id_ in data.read(0).labels[0]]
    assert found == ["background", "aeroplane", "background", "background", "diningtable", "background"]
    table = data.class_map.table
    assert len(table) == 460
    assert sorted(class_ for class_ in table.values() if class_) == list(range(1, 34))


def test_pascal_context_without_voc_says_where_it_looked(context: Path) -> None:
    (context.parent / "VOC2010").rename(context.parent / "elsewhere")
    with pytest.raises(DataError, match=r"add ,images=PATH of the folder VOC2010"):
        open_dataset(f"pascal_context:{context}", "val")
    assert len(open_dataset(f"pascal_context:{context},images={context.parent / 'elsewhere'}", "val")) == 1


@pytest.fixture
def nyud(tmp_path: Path) -> Path:
    write_photo(tmp_path / "data/images/img_5449.png", 1, 3)
    Image.fromarray(np.array([[1000, 2718, 0]], np.uint16)).save(
        folder(tmp_path / "data/depth") / "img_5449.png"
    )
    write_colours(tmp_path / "data/hha/img_5449.png", [[(1, 2, 3)] * 3])
    write_mat(tmp_path / "segmentation/img_5449.mat", {"segmentation": np.array([[0, 1, 40]], np.uint8)})
    write_list(tmp_path / "train.txt", "5449")
    return tmp_path


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_nyud_counts_from_1_and_0_is_void(nyud: Path) -> None:
    data = open_dataset(f"nyud:{nyud}", "train").with_channels("depth", "hha")
    sample = data.read(0)
    assert len(data.classes) == 40
    assert sample.labels.tolist() == [[255, 0, 39]]
    assert data.classes.names[39] == "otherprop"
    assert sample.channels["hha"].tolist() == [[[1, 2, 3]] * 3]
    measured = [np.log(1000), np.log(2718)]
    assert sample.channels["depth"][0, :, 0] == pytest.approx([*measured, np.mean(measured)])


def test_the_split_of_nyud_ships(nyud: Path) -> None:
    lengths = {split: len(open_dataset(f"nyud:{nyud}", split)) for split in ("val", "trainval", "test")}
    assert lengths == {"val": 414, "trainval": 795, "test": 654}


def test_depth_that_was_not_measured_becomes_the_mean() -> None:
    assert log_depth(np.zeros((1, 2, 1), np.float32)).tolist() == [[[0.0], [0.0]]]


def test_silbermans_file_gives_the_40_classes_depth_and_hha(tmp_path: Path) -> None:
    """The third of three pictures of 40 x 60 has the id 5003."""
    height, width, count = 40, 60, 3
    images = np.zeros((height, width, 3, count), np.uint8)
    images[5, 7, :, 2] = 10, 20, 30
    depths = np.full((height, width, count), 2.0, np.float32)
    labels = np.zeros((height, width, count), np.uint16)
    labels[0, :5, 2] = 21, 11, 157, 894, 331  # wall, floor, bed, something that is otherprop, person
    file = tmp_path / "nyu_depth_v2_labeled.mat"
    write_mat_73(file, {"images": images, "depths": depths, "labels": labels})
    write_list(tmp_path / "own.txt", "5003")
    data = open_dataset(f"nyud:{tmp_path}", "own").with_channels("depth", "hha")
    sample = data.read(0)
    assert sample.image.shape == (height, width, 3)
    assert sample.image[5, 7].tolist() == [10, 20, 30]
    assert [data.classes.names[id_] for id_ in sample.labels[0, :5]] == [
        *("wall", "floor", "bed", "otherprop", "person")
    ]
    assert (sample.labels[1:] == 255).all()
    assert sample.channels["depth"][0, 0, 0] == pytest.approx(np.log(2000))
    assert sample.channels["hha"][..., 0].tolist() == [[155] * width] * height  # 310 / 2 m
    assert len(open_dataset(f"nyud:{file}", "val")) == 414, "the file itself may be named, too"
    with pytest.raises(
        DataError, match=r'labeled.mat is not .*: picture 10 of "images": there is no place 9'
    ):
        write_list(tmp_path / "own.txt", "5010")
        open_dataset(f"nyud:{tmp_path}", "own").read(0)


def test_the_894_classes_become_40() -> None:
    table = _raw_classes()
    assert sorted(table) == list(range(895))
    assert {class_ for id_, class_ in table.items() if id_} == set(range(40))
    single = [class_ for class_ in range(37) if list(table.values()).count(class_) == 1]
    assert len(single) == 37, "each class before otherstructure is one of the 894"


@pytest.fixture
def sift_flow(tmp_path: Path) -> Path:
    write_photo(tmp_path / f"Images/{PLACE}/coast_natu975.jpg", 1, 4)
    semantic = np.array([[0, 1, 33, 28]], np.uint8)
    geometric = np.array([[-1, 1, 3, 2]], np.int16)
    write_mat(tmp_path / f"SemanticLabels/{PLACE}/coast_natu975.mat", {"S": semantic, "names": ["a"]})
    write_mat(tmp_path / f"GeoLabels/{PLACE}/coast_natu975.mat", {"S": geometric})
    return tmp_path


def test_sift_flow_has_two_heads_each_with_its_own_void(sift_flow: Path) -> None:
    data = open_dataset(f"sift_flow:{sift_flow}", "test")
    assert len(data) == 200
    assert len(open_dataset(f"sift_flow:{sift_flow}", "trainval")) == 2486
    sample = data.read(0)
    assert {name: labels.tolist() for name, labels in sample.heads.items()} == {
        "semantic": [[255, 0, 32, 27]],
        "geometric": [[255, 0, 2, 1]],
    }
    assert data.classes.names[32] == "window"
    assert data.classes.names[27] == "sky"
    assert data.heads["geometric"].classes.names == ("sky", "horizontal", "vertical")


def test_sift_flow_names_the_head_that_is_wrong(sift_flow: Path) -> None:
    file = sift_flow / f"GeoLabels/{PLACE}/coast_natu975.mat"
    write_mat(file, {"S": np.array([[4, 1, 1, 1]], np.int16)})
    with pytest.raises(DataError, match=r"GeoLabels.*holds the ids 4, but only ids -1 to 3, 255 are known"):
        open_dataset(f"sift_flow:{sift_flow}", "test").read(0)
    write_mat(file, {"S": np.array([[1.5, 1, 1, 1]])})
    with pytest.raises(DataError, match=r'"S" in .* is float64 of shape \(1, 4\)'):
        open_dataset(f"sift_flow:{sift_flow}", "test").read(0)
    write_mat(file, {"S": np.array([[1, 1, 1]], np.int16)})
    with pytest.raises(DataError, match=r"GeoLabels.* is 3 x 1 pixels, its image .* 4 x 1"):
        open_dataset(f"sift_flow:{sift_flow}", "test").read(0)


@pytest.fixture
def stanford(tmp_path: Path) -> Path:
    for index in range(11):
        write_photo(tmp_path / f"images/{index:02}.jpg", 2, 3)
        write_list(tmp_path / f"labels/{index:02}.regions.txt", "0 1 7", "-1 3 3")
        write_list(tmp_path / f"labels/{index:02}.surfaces.txt", "0 0 2", "1 1 -1")
    return tmp_path


def test_stanford_background_has_two_heads_as_text(stanford: Path) -> None:
    data = open_dataset(f"stanford_background:{stanford}", "all")
    sample = data.read(0)
    assert sample.heads["semantic"].tolist() == [[0, 1, 7], [255, 3, 3]]
    assert sample.heads["geometric"].tolist() == [[0, 0, 2], [1, 1, 255]]
    assert data.classes.names[7] == "foreground"


def test_each_image_of_stanford_background_is_judged_in_one_fold(stanford: Path) -> None:
    judged = []
    for fold in range(5):
        spec = f"stanford_background:{stanford},fold={fold}"
        val = [entry.id for entry in open_dataset(spec, "val").entries]
        train = [entry.id for entry in open_dataset(spec, "train").entries]
        assert sorted(val + train) == [f"{index:02}" for index in range(11)]
        judged += val
    assert sorted(judged) == [f"{index:02}" for index in range(11)]


def test_an_empty_text_is_no_labels(stanford: Path) -> None:
    write_list(stanford / "labels/00.regions.txt")
    with pytest.raises(DataError, match=r"00.regions.txt is 0 x 0 pixels, its image .* 3 x 2"):
        open_dataset(f"stanford_background:{stanford}", "all").read(0)


@pytest.mark.parametrize("rows", [("0 1 7", "0 1"), ("0 1 x", "0 1 2")])
def test_text_that_is_no_grid_is_named(stanford: Path, rows: tuple[str, ...]) -> None:
    write_list(stanford / "labels/00.regions.txt", *rows)
    with pytest.raises(DataError, match=r"00.regions.txt is not a grid of ids"):
        open_dataset(f"stanford_background:{stanford}", "all").read(0)


@pytest.mark.parametrize("kind", ["sift_flow", "stanford_background", "pascal_context", "nyud"])
def test_a_folder_of_another_kind_is_refused(tmp_path: Path, kind: str) -> None:
    split = {"sift_flow": "test", "nyud": "test"}.get(kind, "val")
    with pytest.raises(DataError, match=rf"{tmp_path} is not .*not found|neither"):
        open_dataset(f"{kind}:{tmp_path}", split)
