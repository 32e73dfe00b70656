"""The audit finds label faults before a training does."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelwise.core.errors import DataError, ImageError, MissingExtraError, SplitError
from pixelwise.data import Entry, open_dataset
from pixelwise.data.checks.alike_classes import alike_names
from pixelwise.data.checks.audit import audit
from pixelwise.data.checks.sample_check import hints_of
from pixelwise.data.checks.sided_classes import sided_pairs
from pixelwise.data.mixing import mixed
from pixelwise.data.sample import SEMANTIC
from pixelwise.data.spec import open_splits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("ground\ncup\nspoon\n")
    for index in range(4):
        put(tmp_path, f"{index}", [[0, 1], [1, 255]])
    return tmp_path


def put(root: Path, name: str, rows: list[list[int]]) -> None:
    labels = np.array(rows, np.uint8)
    Image.fromarray(labels).save(root / f"labels/{name}.png")
    Image.new("RGB", labels.shape[::-1]).save(root / f"images/{name}.jpg")


def test_a_picture_with_two_sets_of_labels_is_an_error(folder: Path) -> None:
    rows = "images/0.jpg,labels/0.png,0", "images/1.jpg,labels/1.png,1", "./images//1.jpg,labels/2.png,2"
    (folder / "list.csv").write_text("\n".join(["image,label,id", *rows]))
    found = audit(open_dataset(f"manifest:{folder / 'list.csv'}", "all")).errors
    assert [finding.message for finding in found] == [
        f"1, 2 have the same picture, {folder / 'images/1.jpg'}, but different labels"
    ]
    assert found[0].samples == (1, 2)


def test_a_picture_may_have_labels_of_other_classes_in_a_second_set(folder: Path) -> None:
    data = open_dataset(f"folder:{folder}", "all")
    both = mixed(data, data.select("cup"))
    assert [entry.image.path for entry in both.entries[:4]] == [
        entry.image.path for entry in both.entries[4:]
    ]
    assert audit(both).errors == []


def test_histogram_and_void_share_are_counted(folder: Path) -> None:
    report = audit(open_dataset(f"folder:{folder}", "all"))
    assert report.errors == []
    assert report.pixels == [4, 8, 0]
    assert report.main.images == [4, 4, 0]
    assert report.main.void_share == 4 / 16
    assert [finding.message for finding in report.warnings] == ["no pixel shows spoon"]


def test_every_kind_of_fault_is_found_and_named(folder: Path) -> None:
    put(folder, "range", [[0, 9], [9, 12]])
    put(folder, "size", [[0, 1]])
    Image.new("RGB", (5, 4)).save(folder / "images/size.jpg")
    (folder / "images/alone.jpg").write_bytes((folder / "images/0.jpg").read_bytes())
    put(folder, "broken", [[0]])
    (folder / "labels/broken.png").write_bytes(b"no picture")

    told: list[int] = []
    report = audit(open_dataset(f"folder:{folder}", "all"), told.append)
    assert told == list(range(1, 9))
    found = {finding.kind: finding.message for finding in report.errors}
    assert found.keys() == {"ids", "size", "missing", "unreadable"}
    assert "range: the ids 9, 12 (3 pixels, 75.0%) are out of range" in found["ids"]
    assert "size: the label is 2 x 1 pixels, its image 5 x 4" in found["size"]
    assert "alone: the label" in found["missing"]
    assert any(hint.startswith("`pixelwise data folder` shows") for hint in hints_of(report.errors))
    assert "broken.png: expected an image, got text" in found["unreadable"]
    with pytest.raises(DataError, match="faults 4"):
        report.raise_errors()


def test_faults_say_what_to_do_once(folder: Path) -> None:
    """In colours, in three equal channels, and with an id that no class has."""
    for name, pixel in (("a", (128, 0, 0)), ("b", (0, 128, 0)), ("c", (1, 1, 1))):
        put(folder, name, [[0]])
        Image.new("RGB", (1, 1), pixel).save(folder / f"labels/{name}.png")
    put(folder, "d", [[9]])
    report = audit(open_dataset(f"folder:{folder}", "all"))
    hints = hints_of(report.errors)
    assert [hint.partition(" ")[0] for hint in hints] == ["save", "save", "add"]
    put(folder, "d", [list(range(40))])
    smoothed = audit(open_dataset(f"folder:{folder}", "all")).errors[-1]
    assert smoothed.hint.startswith("a file with so many ids was smoothed, scaled or saved as JPEG")
    assert hints[0].endswith("cvat: reads colours as a labelmap.txt names them")
    assert 'convert("L")' in hints[1]
    with pytest.raises(DataError, match=r"hint: .*; add the class, .*; `pixelwise check` lists all"):
        report.raise_errors()
    assert report.to_dict()["errors"][0]["hint"] == hints[0]


@pytest.mark.parametrize("last", [[[0, 255], [255, 255]], [[0, 0], [0, 0]], [[255, 255], [255, 255]]])
def test_masks_of_0_and_255_are_recognised(folder: Path, last: list[list[int]]) -> None:
    for index in range(3):
        put(folder, f"{index}", [[0, 255], [255, 255]])
    put(folder, "3", last)
    report = audit(open_dataset(f"folder:{folder}", "all"))
    assert [finding.kind for finding in report.errors] == ["binary"]
    assert "folder:PATH,foreground=255" in report.errors[0].message
    assert "void" in [finding.kind for finding in report.warnings]


def test_masks_whose_foreground_is_named_are_sound(folder: Path) -> None:
    (folder / "classes.txt").unlink()
    for index in range(4):
        put(folder, f"{index}", [[0, 255], [255, 255]])
    report = audit(open_dataset(f"folder:{folder},foreground=255", "all"))
    assert report.errors == []
    assert report.pixels == [4, 12]


def test_classes_of_nearly_the_same_name_are_named(folder: Path) -> None:
    assert alike_names(["car", "Road sign", "Car", "cars", "road-sign", "C", "C++"]) == [
        ("car", "Car"),
        ("Road sign", "road-sign"),
    ]
    (folder / "classes.txt").write_text("table\ncup\nCup\n")
    (warning,) = (
        one for one in audit(open_dataset(f"folder:{folder}", "all")).warnings if one.kind == "alike"
    )
    assert "cup and Cup" in warning.message
    assert warning.message.endswith('--classes "...,cup=cup+Cup"')


def test_labels_without_a_labelled_pixel_are_a_fault(folder: Path) -> None:
    report = audit(open_dataset(f"folder:{folder}", "all", "spoon"))
    assert [finding.kind for finding in report.errors] == ["unlabelled"]


def test_labels_of_void_alone_are_not_taken_for_masks(folder: Path) -> None:
    for index in range(4):
        put(folder, f"{index}", [[255, 255]])
    report = audit(open_dataset(f"folder:{folder}", "all"))
    assert [finding.kind for finding in report.errors] == ["unlabelled"]


def test_dropped_ids_are_no_fault(folder: Path) -> None:
    report = audit(open_dataset(f"folder:{folder}", "all", "cup"))
    assert report.errors == []
    assert report.pixels == [8]


def test_two_pictures_of_one_id_are_named(tmp_path: Path) -> None:
    lines = ["image,label,id", "a/1.jpg,a/1.png,x", "b/2.jpg,b/2.png,x"]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (first, *_) = audit(open_dataset(f"manifest:{tmp_path / 'list.csv'}", "all")).errors
    assert first.message == f"x is the id of {tmp_path / 'a/1.jpg'}, {tmp_path / 'b/2.jpg'}"
    assert first.hint == "give each picture its own name"


def test_an_id_listed_twice_is_found(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/train.txt").write_text("a\na\n")
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "SegmentationClass").mkdir()
    Image.new("L", (2, 2)).save(tmp_path / "SegmentationClass/a.png")
    Image.new("RGB", (2, 2)).save(tmp_path / "JPEGImages/a.jpg")
    report = audit(open_dataset(f"voc:{tmp_path}", "train"))
    assert [finding.message for finding in report.errors] == ["a is in the list more than once"]


def test_every_head_is_counted_and_its_faults_name_it(folder: Path) -> None:
    (folder / "classes.geometric.txt").write_text("flat\nupright\n")
    (folder / "labels.geometric").mkdir()
    for index, rows in enumerate([[[0, 0], [0, 0]], [[0, 5], [0, 0]], [[0, 0]], [[255, 255], [255, 255]]]):
        Image.fromarray(np.array(rows, np.uint8)).save(folder / f"labels.geometric/{index}.png")
    report = audit(open_dataset(f"folder:{folder}", "all"))
    assert report.heads["semantic"].pixels == [4, 8, 0]
    assert report.heads["geometric"].pixels == [4 + 3 + 2, 0]
    assert report.heads["geometric"].images == [3, 0]
    assert report.heads["geometric"].void_share == 4 / 13
    assert {finding.kind for finding in report.errors} == {"ids", "size"}
    assert "2: the geometric label is 2 x 1 pixels, its image 2 x 2" in report.errors[1].message
    assert "geometric: no pixel shows upright" in [finding.message for finding in report.warnings]
    assert report.errors[0].samples == (1,)


def test_ids_counted_from_1_are_suspected_and_read_with_zero_as_void(folder: Path) -> None:
    for index in range(4):
        put(folder, f"{index}", [[1, 2, 3], [1, 0, 3]])
    found = audit(open_dataset(f"folder:{folder}", "all")).warnings
    assert "only the id 3 is out of range, and 0 is rare" in found[0].message
    report = audit(open_dataset(f"folder:{folder},zero=void", "all"))
    assert report.errors == []
    assert report.pixels == [8, 4, 8]


def test_all_usual_splits_that_are_there_are_opened(folder: Path) -> None:
    assert list(open_splits(f"folder:{folder}")) == ["train", "val"]
    assert list(open_splits(f"folder:{folder}", "all")) == ["all"]
    for index in range(3):
        (folder / f"images/{index}.jpg").unlink()
        (folder / f"labels/{index}.png").unlink()
    assert list(open_splits(f"folder:{folder}")) == ["train"], "one picture leaves none to judge"
    with pytest.raises(SplitError, match="no split"):
        open_splits(f"camvid:{folder}")


class Broken:
    """A part whose reading fails in a way that nobody foresaw."""

    def __init__(self, path: Path, problem: Exception) -> None:
        self.path, self.problem = path, problem

    def read(self) -> npt.NDArray[np.uint8]:
        raise self.problem

    def size(self) -> tuple[int, int]:
        raise self.problem


PROBLEMS = [
    ZeroDivisionError("x"),
    MemoryError(),
    OSError(5, "Input/output error"),
    KeyError("k"),
    ImageError("odd"),
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: type(problem).__name__)
@pytest.mark.parametrize("where", ["image", "label", "channel"])
def test_any_failure_of_a_part_is_a_finding_that_names_it_and_the_audit_goes_on(
    folder: Path, where: str, problem: Exception
) -> None:
    data = open_dataset(f"folder:{folder}", "all")
    entry = data.entries[1]
    path = folder / "broken.file"
    path.write_bytes(b"there")
    channels = {"depth": Broken(path, problem)} if where == "channel" else {}
    image = Broken(path, problem) if where == "image" else entry.image
    labels = {SEMANTIC: Broken(path, problem)} if where == "label" else entry.labels
    entries = (data.entries[0], Entry("bad", image, labels, channels), *data.entries[2:])
    data = replace(data, entries=entries)
    if channels:
        data = replace(data, entries=(entries[1],), channels=("depth",))
    found = audit(data).errors
    assert [(finding.kind, finding.message.startswith("bad: ")) for finding in found] == [
        ("unreadable", True)
    ]
    if not isinstance(problem, ImageError):
        assert "broken.file" in found[0].message
    with pytest.raises(DataError):
        data.read(0 if channels else 1)


def test_a_missing_package_is_not_a_fault_of_each_sample(folder: Path) -> None:
    data = open_dataset(f"folder:{folder}", "all")
    label = Broken(folder / "classes.txt", MissingExtraError("scipy"))
    entries = tuple(replace(entry, labels={SEMANTIC: label}) for entry in data.entries)
    with pytest.raises(MissingExtraError, match="scipy"):
        audit(replace(data, entries=entries))


def test_pipes_and_devices_are_refused_and_the_rest_is_read(folder: Path) -> None:
    data = open_dataset(f"folder:{folder}", "all")
    os.mkfifo(folder / "labels/pipe.png")
    (folder / "images/pipe.png").symlink_to("/dev/zero")
    found = audit(open_dataset(f"folder:{folder}", "all"))
    assert len(found.dataset) == len(data) + 1
    assert [finding.message.partition(" cannot be read: ")[2] for finding in found.errors] == [
        "it is a device, pipe or socket"
    ] * 2


def test_images_of_12_bits_in_16_are_warned_of_and_the_range_is_told(folder: Path) -> None:
    deep = np.array([[0, 4095]], np.uint16)
    for path in (folder / "images").iterdir():
        path.unlink()
        Image.fromarray(deep).save(path.with_suffix(".png"))
        Image.fromarray(np.array([[0, 1]], np.uint8)).save(folder / f"labels/{path.stem}.png")
    report = audit(open_dataset(f"folder:{folder}", "all"))
    assert report.errors == []
    assert report.values == (0, 16)
    [finding] = [finding for finding in report.warnings if finding.kind == "dim"]
    assert "nearly black: no value reaches 64 of 255" in finding.message
    assert len(finding.samples) == len(report.dataset)
    for path in (folder / "images").iterdir():
        Image.fromarray(deep * 16).save(path)
    report = audit(open_dataset(f"folder:{folder}", "all"))
    assert report.values == (0, 255)
    assert [finding for finding in report.warnings if finding.kind == "dim"] == []


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (("ground", "left_eye", "right_eye"), [("left_eye", "right_eye")]),
        (("right-arm", "left-arm", "left leg"), [("left-arm", "right-arm")]),
        (("l_hand", "r_hand", "handL", "handR"), [("l_hand", "r_hand"), ("handL", "handR")]),
        (("LeftFoot", "RightFoot"), [("LeftFoot", "RightFoot")]),
        (("footleft", "footright"), [("footleft", "footright")]),
        (("lung", "rung", "lamp", "ramp", "left lane", "right turn", "bright", "road"), []),
        (
            (
                "left_\u00e9",
                "right_\u00e8",
                "\u043b\u0435\u0432\u044b\u0439_left",
                "\u043d\u043e\u0441_right",
            ),
            [],
        ),
    ],
)
def test_classes_are_paired_that_differ_only_by_their_side(
    names: tuple[str, ...], pairs: list[tuple[str, str]]
) -> None:
    assert sided_pairs(names) == pairs


def test_classes_of_a_side_get_a_warning(folder: Path) -> None:
    def told() -> list[str]:
        return [each.message for each in audit(open_dataset(f"folder:{folder}", "all")).warnings]

    assert not any("left and right" in message for message in told())
    (folder / "classes.txt").write_text("ground\nleft eye\nright eye\n")
    (message,) = (message for message in told() if "left and right" in message)
    assert message.startswith("left eye and right eye differ only by left and right")
    assert message.endswith("set mirror=false, and leave out --flip")
