"""VOC, CamVid and folders of one's own, in files written here and in real ones where there are any."""

from pathlib import Path

import numpy as np
import pytest
from label_files import write_colours, write_label, write_list, write_mat, write_photo
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.data.splits import shipped
from pixelwise.errors import DataError
from pixelwise.pictures.images import read_photo

SHARED = Path(__file__).parents[3] / "shared/data"


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    root = tmp_path / "VOC2012"
    for id_ in ("2007_1", "2007_2"):
        write_photo(root / f"JPEGImages/{id_}.jpg", 1, 3)
    write_label(root / "SegmentationClass/2007_1.png", [[0, 15, 255]], "P")
    write_label(root / "SegmentationClassAug/2007_1.png", [[0, 0, 0]], "P")
    write_label(root / "SegmentationClassAug/2007_2.png", [[8, 8, 20]], "P")
    write_list(root / "ImageSets/Segmentation/val.txt", "2007_1", "2007_2")
    return root


def test_voc_prefers_original_labels_over_merged_ones(voc: Path) -> None:
    data = open_dataset(f"voc:{voc}", "val")
    assert len(data) == 2
    assert len(data.classes) == 21
    assert data.read(0).labels.tolist() == [[0, 15, 255]]
    assert data.read(1).labels.tolist() == [[8, 8, 20]]
    assert data.read(0).image.shape == (1, 3, 3)


def test_a_list_takes_part_of_a_split_in_the_split_s_order(voc: Path, tmp_path: Path) -> None:
    ids = tmp_path / "half.txt"
    ids.write_text("2007_2\n2007_1\n\n2007_2")
    assert [entry.id for entry in open_dataset(f"voc:{voc}", "val", ids=ids).entries] == ["2007_1", "2007_2"]
    ids.write_text("2007_2\n")
    half = open_dataset(f"voc:{voc}", "val", classes="background,cat", ids=ids)
    assert [entry.id for entry in half.entries] == ["2007_2"]
    assert half.read(0).labels.tolist() == [[1, 1, 255]]
    assert half.name.endswith("val (half.txt)")


def test_a_list_names_ids_with_blanks_too(tmp_path: Path) -> None:
    for name in ("my cat 1", "my cat 2", "dog"):
        write_photo(tmp_path / f"images/{name}.png", 1, 2)
        write_label(tmp_path / f"labels/{name}.png", [[0, 1]])
    (tmp_path / "classes.txt").write_text("ground\nanimal\n")
    (tmp_path / "some.txt").write_text("my cat 2\r\ndog\n")
    some = open_dataset(f"folder:{tmp_path}", "all", ids=tmp_path / "some.txt")
    assert [entry.id for entry in some.entries] == ["dog", "my cat 2"]


def test_a_list_that_does_not_fit_is_refused(voc: Path, tmp_path: Path) -> None:
    ids = tmp_path / "half.txt"
    with pytest.raises(DataError, match=r"half.txt does not exist"):
        open_dataset(f"voc:{voc}", "val", ids=ids)
    ids.write_text(" \n")
    with pytest.raises(DataError, match=r"half.txt is empty"):
        open_dataset(f"voc:{voc}", "val", ids=ids)
    ids.write_text("2007_1 2007_3 2007_4")
    with pytest.raises(DataError, match=r"half.txt names ids that .* does not have: 2, 2007_3 for one"):
        open_dataset(f"voc:{voc}", "val", ids=ids)


def test_voc_without_the_year_folder_proposes_it(voc: Path) -> None:
    with pytest.raises(DataError, match=f"try voc:{voc}"):
        open_dataset(f"voc:{voc.parent}", "val")


def test_voc_without_the_split_names_those_there_are(voc: Path) -> None:
    with pytest.raises(DataError, match="the splits there are: val"):
        open_dataset(f"voc:{voc}", "train")


def test_voc_takes_the_lists_the_kit_lacks_from_the_package(voc: Path) -> None:
    assert len(open_dataset(f"voc:{voc}", "train_aug")) == 10_582
    data = open_dataset(f"voc:{voc}", "seg11valid")
    assert len(data) == 736
    assert data.entries[0].id == "2007_000033"


def test_voc_takes_labels_it_lacks_from_sbd(voc: Path, tmp_path: Path) -> None:
    write_list(voc / "ImageSets/Segmentation/extra.txt", "2007_1", "2008_3")
    write_photo(voc / "JPEGImages/2008_3.jpg", 1, 2)
    write_mat(tmp_path / "sbd/cls/2008_3.mat", {"GTcls": {"Segmentation": np.array([[0, 12]], np.uint8)}})
    data = open_dataset(f"voc:{voc},sbd={tmp_path / 'sbd'}", "extra")
    assert [data.read(i).labels.tolist() for i in range(2)] == [[[0, 15, 255]], [[0, 12]]]
    with pytest.raises(DataError, match="name the folder of SBD"):
        open_dataset(f"voc:{voc},sbd={tmp_path}", "extra")


def test_seg11valid_can_be_read_without_its_photos() -> None:
    root = SHARED / "voc_seg11valid"
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    data = open_dataset(f"voc:{root}", "seg11valid")
    seen = {int(id_) for index in range(0, 736, 8) for id_ in np.unique(data.read_labels(index)["semantic"])}
    assert seen == {*range(21), 255}


@pytest.mark.parametrize("layout", ["folders", "annot"])
def test_camvid_in_both_layouts_takes_11_as_void(tmp_path: Path, layout: str) -> None:
    images, labels = {"folders": ("val/images", "val/labels"), "annot": ("val", "valannot")}[layout]
    write_photo(tmp_path / images / "0001.png", 1, 3)
    write_label(tmp_path / labels / "0001.png", [[10, 11, 0]])
    data = open_dataset(f"camvid:{tmp_path}", "val")
    assert data.classes.names[0] == "sky"
    assert data.classes.names[10] == "bicyclist"
    assert data.read(0).labels.tolist() == [[10, 255, 0]]


@pytest.fixture
def original_camvid(tmp_path: Path) -> Path:
    for id_ in ("0006R0_f00930", "Seq05VD_f00000"):  # the first is in SegNet's train list
        write_photo(tmp_path / f"701_StillsRaw_full/{id_}.png", 1, 4)
        colours = [(128, 128, 128), (64, 128, 192), (0, 0, 0), (192, 128, 192)]  # sky, pickup, void, truck
        write_colours(tmp_path / f"LabeledApproved_full/{id_}_L.png", [colours])
    return tmp_path


def test_camvid_in_colours_has_31_classes_and_black_is_void(original_camvid: Path) -> None:
    data = open_dataset(f"camvid:{original_camvid}", "test")
    assert [entry.id for entry in data.entries] == ["Seq05VD_f00000"]
    names = data.classes.names
    assert len(names) == 31
    expected = [names.index("Sky"), names.index("SUVPickupTruck"), 255, names.index("Truck_Bus")]
    assert data.read(0).labels.tolist() == [expected]
    assert data.classes.palette[expected[0]] == (128, 128, 128)


def test_camvid_in_colours_can_be_merged_to_the_11_classes(original_camvid: Path) -> None:
    data = open_dataset(f"camvid:{original_camvid},classes=11", "all")
    assert len(data.classes) == 11
    assert data.read(0).labels.tolist() == [[0, 8, 255, 8]]
    assert len(open_dataset(f"camvid:{original_camvid}", "train")) == 367


def test_a_colour_that_stands_for_no_class_is_named(original_camvid: Path) -> None:
    write_colours(original_camvid / "LabeledApproved_full/Seq05VD_f00000_L.png", [[(1, 2, 3)] * 4])
    with pytest.raises(DataError, match=r"Seq05VD_f00000_L.png holds the colours #010203, but only"):
        open_dataset(f"camvid:{original_camvid}", "test").read(0)
    dropped = open_dataset(f"camvid:{original_camvid}", "test", "Sky,void=#010203")
    assert dropped.read(0).labels.tolist() == [[255] * 4]


@pytest.mark.parametrize("split", ["train", "val"])
def test_real_camvid_and_its_lists_agree(split: str) -> None:
    root = SHARED / "camvid"
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    data = open_dataset(f"camvid:{root}", split)
    assert [entry.id for entry in data.entries] == shipped(f"camvid_{split}")
    assert set(np.unique(data.read(0).labels).tolist()) <= {*range(11), 255}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(12):
        write_photo(tmp_path / f"images/{index:02}.jpg", 1, 2)
        write_label(tmp_path / f"labels/{index:02}.png", [[0, 1]])
    (tmp_path / "classes.txt").write_text("table\ncup\n")
    return tmp_path


def test_folder_without_splits_holds_every_tenth_image_out(folder: Path) -> None:
    train, val, everything = (open_dataset(f"folder:{folder}", split) for split in ("train", "val", "all"))
    assert [entry.id for entry in val.entries] == ["09"]
    assert len(train) == 11
    assert len(everything) == 12
    assert everything.classes.names == ("table", "cup")


def test_folder_with_splits_uses_them(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write_photo(tmp_path / split / "images" / f"{split}.png", 1, 1)
        write_label(tmp_path / split / "labels" / f"{split}.png", [[0]])
    (tmp_path / "classes.txt").write_text("only")
    assert [entry.id for entry in open_dataset(f"folder:{tmp_path}", "val").entries] == ["val"]


def test_folder_may_say_that_0_is_void(folder: Path) -> None:
    write_label(folder / "labels/00.png", [[2, 0]])
    data = open_dataset(f"folder:{folder},zero=void", "all")
    assert data.read(0).labels.tolist() == [[1, 255]]
    assert data.read(1).labels.tolist() == [[255, 0]]
    with pytest.raises(DataError, match="write zero= and one of class, void"):
        open_dataset(f"folder:{folder},zero=nothing", "all")


def test_folder_with_a_second_head_and_channels_gives_them(folder: Path) -> None:
    (folder / "classes.geometric.txt").write_text("flat\nupright\n")
    (folder / "channels.height").mkdir()
    for index in range(12):
        write_label(folder / f"labels.geometric/{index:02}.png", [[1, 255]])
        np.save(folder / f"channels.height/{index:02}.npy", np.array([[0.5, 2.0]]))
    data = open_dataset(f"folder:{folder}", "val")
    sample = data.read(0)
    assert {name: labels.tolist() for name, labels in sample.heads.items()} == {
        "semantic": [[0, 1]],
        "geometric": [[1, 255]],
    }
    assert sample.labels.tolist() == [[0, 1]]
    assert sample.channels == {}, "channels are read only when asked for"
    height = data.with_channels("height").read(0).channels["height"]
    assert height.dtype == np.float32
    assert height.tolist() == [[[0.5], [2.0]]]
    with pytest.raises(DataError, match=r"has no channel hha\nhint: channels: height"):
        data.with_channels("hha")


def test_one_head_of_several_can_be_taken_alone_with_its_classes(folder: Path) -> None:
    (folder / "classes.geometric.txt").write_text("flat\nupright\n")
    for index in range(12):
        write_label(folder / f"labels.geometric/{index:02}.png", [[1, 255]])
    data = open_dataset(f"folder:{folder}", "val", head="geometric")
    assert data.classes.names == ("flat", "upright")
    assert data.read(0).labels.tolist() == [[1, 255]]
    assert list(data.read(0).heads) == ["geometric"]
    chosen = open_dataset(f"folder:{folder}", "val", head="geometric", classes="upright")
    assert chosen.read(0).labels.tolist() == [[0, 255]]
    with pytest.raises(DataError, match='has no head "depth"\nhint: heads: semantic, geometric'):
        open_dataset(f"folder:{folder}", "val", head="depth")


def test_folder_without_class_names_says_how_to_write_them(folder: Path) -> None:
    (folder / "classes.txt").unlink()
    with pytest.raises(DataError, match="one name per line"):
        open_dataset(f"folder:{folder}", "train")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"table\n\ncup\n", "line 2 is empty"),
        ("café".encode("latin-1"), "utf-8"),
        (b"cup\ncup\n", "these repeat: cup"),
        (b"", "1 to 255 classes"),
        (b"cup\nta\0ble\n", "line 2 is no name"),
    ],
)
def test_faults_of_the_class_names_are_told(folder: Path, content: bytes, complaint: str) -> None:
    (folder / "classes.txt").write_bytes(content)
    with pytest.raises(DataError, match=complaint):
        open_dataset(f"folder:{folder}", "train")


def test_a_byte_order_mark_is_no_part_of_a_name(folder: Path) -> None:
    (folder / "classes.txt").write_bytes(b"\xef\xbb\xbfbackground\r\ncup\r\n\r\n")
    assert open_dataset(f"folder:{folder}", "train").classes.names == ("background", "cup")


def test_two_pictures_of_one_name_are_refused_and_hidden_files_left_out(folder: Path) -> None:
    (folder / "images/._00.jpg").write_bytes(b"not a picture")
    assert len(open_dataset(f"folder:{folder}", "all")) == 12
    write_photo(folder / "images/00.png", 1, 2)
    with pytest.raises(DataError, match="differ only in their ending"):
        open_dataset(f"folder:{folder}", "train")


def test_a_sideways_photo_is_read_upright(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1, 2)).save(folder / "images/00.jpg", exif=exif)
    assert open_dataset(f"folder:{folder}", "all").read(0).image.shape == (1, 2, 3)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("nowhere", "cannot tell what kind of data"),
        ("jpeg:/tmp", "kinds are folder, manifest, voc, sbd"),
        (".", "for example folder:."),
        ("voc:/no/such/place", "expected a folder, but /no/such/place does not exist"),
        ("coco:/no/such.json", "expected a folder or .json file, but /no/such.json does not exist"),
        ("voc:/tmp,year=2012", "options that voc does not know: year"),
    ],
)
def test_a_wrong_spec_says_what_is_expected(spec: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        open_dataset(spec, "train")


def test_each_broken_file_is_named_with_its_reason(folder: Path) -> None:
    data = open_dataset(f"folder:{folder}", "all")
    labels = folder / "labels"
    Image.new("RGB", (2, 1)).save(labels / "00.png")
    write_label(labels / "01.png", [[0, 7]])
    write_label(labels / "02.png", [[0], [1]])
    (labels / "03.png").write_bytes((labels / "04.png").read_bytes()[:40])
    (folder / "images/05.jpg").unlink()
    Image.fromarray(np.array([[0, 700]], np.uint16)).save(labels / "06.png")
    complaints = {
        0: "00.png has mode RGB, which is no map of ids",
        1: r"01.png holds the ids 7, but only ids 0 to 1, 255 are known",
        2: r"02.png is 1 x 2 pixels, its image .*02.jpg 2 x 1",
        3: "03.png cannot be read",
        5: "the image .*05.jpg: no such file",
        6: "06.png holds the ids 700, but only ids 0 to 1, 255",
    }
    for index, complaint in complaints.items():
        with pytest.raises(DataError, match=complaint):
            data.read(index)


@pytest.mark.parametrize("kind", ["16 bits", "transparent", "sideways"])
def test_pictures_are_learnt_from_as_they_are_later_segmented(folder: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    if kind == "16 bits":
        picture = Image.fromarray(rng.integers(0, 65536, (1, 2)).astype(np.uint16))
    elif kind == "transparent":
        picture = Image.fromarray(rng.integers(0, 256, (1, 2, 4)).astype(np.uint8))
    else:
        picture, exif[0x0112] = Image.fromarray(rng.integers(0, 256, (2, 1, 3)).astype(np.uint8)), 6
    (folder / "images/00.jpg").unlink()
    picture.save(folder / "images/00.png", exif=exif)
    learnt = open_dataset(f"folder:{folder}", "all").read(0).image
    assert np.array_equal(learnt, read_photo(folder / "images/00.png", 400).pixels)
    assert len(np.unique(learnt)) > 1, "not all white"


@pytest.mark.parametrize(("mode", "expected"), [("1", [[0, 1]]), ("I;16", [[0, 1]])])
def test_label_files_of_other_depths_are_read(folder: Path, mode: str, expected: list[list[int]]) -> None:
    array = np.array([[False, True]]) if mode == "1" else np.array([[0, 1]], np.uint16)
    Image.fromarray(array).save(folder / "labels/00.png")
    with Image.open(folder / "labels/00.png") as image:
        assert image.mode == mode
    assert open_dataset(f"folder:{folder}", "all").read(0).labels.tolist() == expected
