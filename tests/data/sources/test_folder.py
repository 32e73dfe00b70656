"""Folders of one's own pictures and labels."""

from pathlib import Path

import numpy as np
import pytest
from label_files import write_label, write_photo
from PIL import Image

from pixelwise.core.errors import DataError, SplitError
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.pictures.reading import read_photo
from pixelwise.data import open_dataset
from pixelwise.data.checks.audit import audit
from pixelwise.data.conversion import convert


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
    with pytest.raises(SplitError, match=r'no split "test".*\nhint: there are train, val'):
        open_dataset(f"folder:{tmp_path}", "test")


def test_folder_may_say_that_0_is_void(folder: Path) -> None:
    write_label(folder / "labels/00.png", [[2, 0]])
    data = open_dataset(f"folder:{folder},zero=void", "all")
    assert data.read(0).labels.tolist() == [[1, 255]]
    assert data.read(1).labels.tolist() == [[255, 0]]
    with pytest.raises(DataError, match="write zero= and one of class, void"):
        open_dataset(f"folder:{folder},zero=nothing", "all")


def test_masks_of_two_values_become_background_and_foreground(folder: Path) -> None:
    (folder / "classes.txt").unlink()
    write_label(folder / "labels/00.png", [[0, 255]])
    write_label(folder / "labels/01.png", [[200, 0]])
    data = open_dataset(f"folder:{folder},foreground=255", "all")
    assert data.classes.names == ("background", "foreground")
    assert data.classes.background == 0
    assert data.read(0).labels.tolist() == [[0, 1]]
    with pytest.raises(DataError, match=r"01\.png holds the ids 200, but only ids 0, 255 are known"):
        data.read(1)
    other = open_dataset(f"folder:{folder},foreground=200", "all")
    assert other.read(1).labels.tolist() == [[1, 0]]
    assert other.read(0).labels.tolist() == [[0, 255]]


def test_foreground_takes_its_two_names_from_the_list_of_classes(folder: Path) -> None:
    assert open_dataset(f"folder:{folder},foreground=255", "all").classes.names == ("table", "cup")
    (folder / "classes.txt").write_text("table\ncup\nspoon\n")
    with pytest.raises(DataError, match="names 3 classes, but masks with a foreground have two"):
        open_dataset(f"folder:{folder},foreground=255", "all")


@pytest.mark.parametrize("options", ["foreground=cup", "foreground=0", "foreground=-1", "foreground=70000"])
def test_foreground_is_an_id(folder: Path, options: str) -> None:
    with pytest.raises(DataError, match="is not the id of an object"):
        open_dataset(f"folder:{folder},{options}", "all")


def test_foreground_and_void_zero_contradict_each_other(folder: Path) -> None:
    with pytest.raises(DataError, match="with foreground, 0 is the background"):
        open_dataset(f"folder:{folder},zero=void,foreground=255", "all")


def test_a_missing_list_of_classes_names_the_way_for_masks_of_0_and_255(folder: Path) -> None:
    (folder / "classes.txt").unlink()
    with pytest.raises(DataError, match="for masks of 0 and 255 add foreground=255"):
        open_dataset(f"folder:{folder}", "all")


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
        (b"cup\nta\0ble\n", "line 2 is not a name"),
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        *((ending, "JPEG") for ending in ("jfif", "jpe", "JPG")),
        *((ending, ending.upper()) for ending in ("avif", "gif", "bmp", "webp", "qoi", "tiff")),
        *(("jp2", "JPEG2000"), ("ppm", "PPM"), ("tga", "TGA"), ("pcx", "PCX")),
    ],
)
def test_every_ending_that_segment_takes_is_a_picture_here_and_converts(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, ending: str, kind: str
) -> None:
    (folder / "images/00.jpg").unlink()
    Image.new("RGB", (2, 1), (9, 99, 199)).save(folder / f"images/00.{ending}", kind)
    assert f".{ending.lower()}" in IMAGE_SUFFIXES
    data = open_dataset(f"folder:{folder}", "all")
    assert len(data) == 12
    image = data.read(0).image
    assert image.shape == (1, 2, 3)
    place = tmp_path_factory.mktemp("copy") / "out"
    convert(data, place, "all")
    assert np.array_equal(open_dataset(f"folder:{place}", "all").read(0).image, image)


def test_a_sideways_photo_is_read_upright(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1, 2)).save(folder / "images/00.jpg", exif=exif)
    assert open_dataset(f"folder:{folder}", "all").read(0).image.shape == (1, 2, 3)


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
        0: "00.png has mode RGB, three equal numbers per pixel, but ids are one",
        1: r"01.png holds the ids 7, but only ids 0 to 1, 255 are known",
        2: r"02.png is 1 x 2 pixels, its image .*02.jpg 2 x 1",
        3: "03.png: expected an image, got a damaged PNG",
        5: "the image .*05.jpg: no such file",
        6: "06.png holds the ids 700, but only ids 0 to 1, 255",
    }
    for index, complaint in complaints.items():
        with pytest.raises(DataError, match=complaint):
            data.read(index)


def test_pictures_in_subfolders_are_samples_too(folder: Path) -> None:
    write_photo(folder / "images/day/1.jpg", 1, 2)
    write_label(folder / "labels/day/1.png", [[1, 0]])
    data = open_dataset(f"folder:{folder}", "all")
    assert data.entries[-1].id == "day/1"
    assert data.read(len(data) - 1).labels.tolist() == [[1, 0]]


def test_folders_below_links_are_read_once(folder: Path, tmp_path: Path) -> None:
    for kind, write in (("images", write_photo), ("labels", lambda path, *_: write_label(path, [[1, 0]]))):
        place = tmp_path / f"disk/{kind}/day"
        write(place / "camera/1.png", 1, 2)
        (place / "circle").symlink_to(place)
        (folder / kind / "day").symlink_to(place)
        (folder / kind / "up").symlink_to(folder)
        (folder / kind / "self").symlink_to("self")
        (folder / kind / "latest").symlink_to(folder / kind / "old")
        write(folder / kind / "old/2.png", 1, 2)
    ids = [entry.id for entry in open_dataset(f"folder:{folder}", "all").entries]
    assert [id_ for id_ in ids if "/" in id_] == ["day/camera/1", "old/2"]


def test_splits_may_be_folders_in_images_and_labels(tmp_path: Path) -> None:
    """As for YOLO. Without them, val would be a tenth of all, and pictures of val would be learnt from."""
    (tmp_path / "classes.txt").write_text("table\ncup\n")
    (tmp_path / "classes.surface.txt").write_text("flat\nround\n")
    for name in ("train/a", "Validation/b"):
        write_photo(tmp_path / f"images/{name}.jpg", 1, 2)
        write_label(tmp_path / f"labels/{name}.png", [[0, 1]])
        write_label(tmp_path / f"labels.surface/{name}.png", [[1, 1]])
    for split, id_ in (("train", "a"), ("val", "b"), ("Validation", "b")):
        data = open_dataset(f"folder:{tmp_path}", split)
        assert [entry.id for entry in data.entries] == [id_]
        assert data.read(0).heads["surface"].tolist() == [[1, 1]]
    assert len(open_dataset(f"folder:{tmp_path}", "all")) == 2
    with pytest.raises(SplitError, match=r'no split "test".*\nhint: there are Validation, train'):
        open_dataset(f"folder:{tmp_path}", "test")
    for part in ("images", "labels"):
        (tmp_path / f"new/valid/{part}").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{part}/Validation").rename(tmp_path / f"new/valid/{part}")
    (tmp_path / "classes.txt").rename(tmp_path / "new/classes.txt")
    assert [entry.id for entry in open_dataset(f"folder:{tmp_path / 'new'}", "val").entries] == ["b"]


def test_pictures_beside_the_folders_of_splits_are_refused(tmp_path: Path) -> None:
    """They would be in no split."""
    (tmp_path / "classes.txt").write_text("table\ncup\n")
    for name in ("train/a", "val/b", "c"):
        write_photo(tmp_path / f"images/{name}.jpg", 1, 2)
        write_label(tmp_path / f"labels/{name}.png", [[0, 1]])
    for split in ("train", "val", "all"):
        with pytest.raises(DataError, match=r"images has 1 picture without a split, such as c, but others"):
            open_dataset(f"folder:{tmp_path}", split)


def test_a_folder_of_pictures_without_labels_is_no_split(folder: Path) -> None:
    before = len(open_dataset(f"folder:{folder}", "all"))
    write_photo(folder / "images/extra/1.jpg", 1, 2)
    data = open_dataset(f"folder:{folder}", "all")
    assert len(data) == before + 1
    assert audit(data).errors[0].message.startswith("extra/1: the label ")
    with pytest.raises(SplitError, match=r'no split "extra"'):
        open_dataset(f"folder:{folder}", "extra")


@pytest.mark.parametrize("labelled", [True, False])
def test_a_test_folder_leaves_the_other_pictures_as_they_are(folder: Path, labelled: bool) -> None:
    """Nothing is learnt from it, nor judged by it."""
    before = {split: open_dataset(f"folder:{folder}", split).entries for split in ("train", "val", "all")}
    write_photo(folder / "images/test/1.jpg", 1, 2)
    if labelled:
        write_label(folder / "labels/test/1.png", [[0, 1]])
        assert [entry.id for entry in open_dataset(f"folder:{folder}", "test").entries] == ["1"]
    else:
        with pytest.raises(SplitError, match=r'no split "test"'):
            open_dataset(f"folder:{folder}", "test")
    for split, entries in before.items():
        assert open_dataset(f"folder:{folder}", split).entries == entries


def test_a_picture_that_is_called_test_is_learnt_from(folder: Path) -> None:
    write_photo(folder / "images/test.jpg", 1, 2)
    write_label(folder / "labels/test.png", [[0, 1]])
    assert "test" in [entry.id for entry in open_dataset(f"folder:{folder}", "train").entries]


@pytest.mark.parametrize("ending", ["tif", "gif", "png"])
def test_a_label_file_of_several_pages_is_refused(folder: Path, ending: str) -> None:
    """Such as one page for each class, of which the first would be taken for the ids."""
    pages = [Image.fromarray(np.array([[0, id_]], np.uint8)) for id_ in (1, 0)]
    (folder / "labels/00.png").unlink()
    pages[0].save(folder / f"labels/00.{ending}", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match=rf"the label .*00.{ending} holds several pictures"):
        open_dataset(f"folder:{folder}", "all").read(0)


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
