"""Any data set becomes a folder that reads the same."""

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_files import write_label, write_list, write_mat_73, write_photo
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError
from pixelwise.core.files import exclusive
from pixelwise.data import ClassMap, Entry, LabelledImages, conversion, open_dataset
from pixelwise.data.conversion import convert
from pixelwise.data.sample import SEMANTIC
from pixelwise.data.sources.folder import file_stem


@pytest.fixture
def stanford(tmp_path: Path) -> Path:
    """Ten pictures with two heads."""
    for index in range(10):
        write_photo(tmp_path / f"iccv/images/{index}.jpg", 1, 3)
        write_list(tmp_path / f"iccv/labels/{index}.regions.txt", f"{index % 8} 1 -1")
        write_list(tmp_path / f"iccv/labels/{index}.surfaces.txt", "0 2 -1")
    return tmp_path / "iccv"


def equal(first: LabelledImages, second: LabelledImages) -> None:
    assert len(first) == len(second)
    assert {head: map_.classes.names for head, map_ in first.heads.items()} == {
        head: map_.classes.names for head, map_ in second.heads.items()
    }
    for index in range(len(first)):
        one, other = first.read(index), second.read(index)
        assert one.id == other.id
        assert np.array_equal(one.image, other.image)
        assert all(np.array_equal(labels, other.heads[head]) for head, labels in one.heads.items())
        assert all(np.array_equal(values, other.channels[name]) for name, values in one.channels.items())


def test_every_split_reads_back_with_its_heads(stanford: Path, tmp_path: Path) -> None:
    told: list[int] = []
    for split in ("train", "val"):
        data = open_dataset(f"stanford_background:{stanford}", split)
        convert(data, tmp_path / "out", split, told.append)
        equal(data, open_dataset(f"folder:{tmp_path / 'out'}", split))
    assert told == [*range(1, 9), 1, 2]
    copied, original = tmp_path / "out/val/images/0.jpg", stanford / "images/0.jpg"
    assert copied.read_bytes() == original.read_bytes()


def test_all_together_is_a_folder_to_train_on(stanford: Path, tmp_path: Path) -> None:
    data = open_dataset(f"stanford_background:{stanford}", "all")
    convert(data, tmp_path / "out", "all")
    equal(data, open_dataset(f"folder:{tmp_path / 'out'}", "all"))
    held_out = open_dataset(f"folder:{tmp_path / 'out'}", "val")
    assert [entry.id for entry in held_out.entries] == ["9"], "every tenth"
    assert len(open_dataset(f"folder:{tmp_path / 'out'}", "train")) == 9
    with pytest.raises(DataError, match="out already exists"):
        convert(data, tmp_path / "out", "all")


def test_of_two_processes_one_writes_and_the_other_is_refused(
    stanford: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second begins after the first has written a sample; the first goes on when the second waits."""
    data, goal = open_dataset(f"stanford_background:{stanford}", "all"), tmp_path / "out"
    (started, begin), (waits, tell) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.read(started, 1)
            monkeypatch.setattr(
                conversion, "exclusive", lambda folder: os.write(tell, b"x") and exclusive(folder)
            )
            convert(data, goal, "all")
        except DataError as error:
            code = 7 if "out already exists" in str(error) else 2
        finally:
            os._exit(code)
    os.close(tell)  # so that a child that never waits ends the reading

    def watch(done: int) -> None:
        if done == 1:
            os.write(begin, b"x")
            assert os.read(waits, 1) == b"x"

    convert(data, goal, "all", watch)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    equal(data, open_dataset(f"folder:{goal}", "all"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["iccv", "out"]


def test_what_a_killed_process_left_and_links_do_not_matter(stanford: Path, tmp_path: Path) -> None:
    data, elsewhere = open_dataset(f"stanford_background:{stanford}", "val"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.val.partial").symlink_to(elsewhere)
    convert(data, tmp_path / "out", "val")
    assert [*elsewhere.iterdir()] == []
    (tmp_path / "again/.val.partial/images").mkdir(parents=True)
    (tmp_path / "again/.val.partial/images/old.png").write_bytes(b"cut off")
    convert(data, tmp_path / "again", "val")
    equal(data, open_dataset(f"folder:{tmp_path / 'again'}", "val"))


def test_channels_read_back(tmp_path: Path) -> None:
    size = 20, 30
    rng = np.random.default_rng(0)
    content: dict[str, npt.NDArray[Any]] = {
        "images": rng.integers(0, 255, (*size, 3, 2)).astype(np.uint8),
        "depths": rng.uniform(1, 4, (*size, 2)).astype(np.float32),
        "labels": rng.integers(0, 895, (*size, 2)).astype(np.uint16),
    }
    write_mat_73(tmp_path / "nyu_depth_v2_labeled.mat", content)
    write_list(tmp_path / "train.txt", "5001", "5002")
    data = open_dataset(f"nyud:{tmp_path}", "train").with_channels("depth", "hha")
    convert(data, tmp_path / "out", "train")
    equal(data, open_dataset(f"folder:{tmp_path / 'out'}", "train").with_channels("depth", "hha"))


def test_label_pictures_have_the_classes_colours(stanford: Path, tmp_path: Path) -> None:
    data = open_dataset(f"stanford_background:{stanford}", "val")
    convert(data, tmp_path / "out", "val")
    with Image.open(tmp_path / "out/val/labels/0.png") as picture:
        assert picture.mode == "P"
        colours = np.array(picture.convert("RGB"))[0]
    assert colours.tolist() == [list(data.classes.palette[0]), list(data.classes.palette[1]), [224, 224, 192]]


def test_ids_with_folders_become_names(tmp_path: Path) -> None:
    stem = "aachen/aachen_1"
    write_photo(tmp_path / f"leftImg8bit/val/{stem}_leftImg8bit.png", 1, 2)
    write_label(tmp_path / f"gtFine/val/{stem}_gtFine_labelIds.png", [[7, 4]])
    convert(open_dataset(f"cityscapes:{tmp_path}", "val"), tmp_path / "out", "val")
    data = open_dataset(f"folder:{tmp_path / 'out'}", "val")
    assert data.entries[0].id == "aachen_aachen_1"
    assert data.read(0).labels.tolist() == [[0, 255]]


def test_nothing_is_overwritten_and_nothing_half_done_stays(stanford: Path, tmp_path: Path) -> None:
    data = open_dataset(f"stanford_background:{stanford}", "all")
    (stanford / "labels/7.regions.txt").unlink()
    with pytest.raises(DataError, match=r"7.regions.txt does not exist"):
        convert(data, tmp_path / "out", "all")
    assert not list(tmp_path.glob("*out*"))
    val = open_dataset(f"stanford_background:{stanford}", "val")
    convert(val, tmp_path / "out", "val")
    with pytest.raises(DataError, match="out/val already exists"):
        convert(val, tmp_path / "out", "val")
    with pytest.raises(DataError, match=r"classes.txt names other classes"):
        convert(val.select("sky,tree"), tmp_path / "out", "train")


@dataclass(frozen=True)
class Made:
    """A part of a sample that is in memory."""

    values: npt.NDArray[Any]
    path: Path = Path("made")

    def read(self) -> npt.NDArray[Any]:
        return self.values


def made(
    ids: list[str], names: list[str], head: str = "other", channel: str = "depth", seed: int = 0
) -> LabelledImages:
    """Two heads and a channel of random pixels."""
    rng = np.random.default_rng(seed)
    size = 3, 4
    classes = ClassMap.identity(Classes.named(names))

    def labels() -> Made:
        drawn = rng.integers(0, len(names) + 1, size)
        return Made(np.where(drawn == len(names), 255, drawn).astype(np.uint8))

    entries = tuple(
        Entry(
            id_,
            Made(rng.integers(0, 256, (*size, 3)).astype(np.uint8)),
            {SEMANTIC: labels(), head: labels()},
            {channel: Made(rng.random((*size, 2)).astype(np.float32))},
        )
        for id_ in ids
    )
    return LabelledImages("made", entries, {SEMANTIC: classes, head: classes}, (channel,))


ODD = st.sampled_from(list("ab.\\/ \t\n\r\0\u2028\x0c\x85\u200c\u00a0\ufeffé:*")) | st.characters()
TEXT = st.text(ODD, max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    ids=st.lists(TEXT, min_size=1, max_size=4, unique=True),
    names=st.lists(TEXT, min_size=1, max_size=4, unique=True),
    head=st.just("other") | TEXT.filter(lambda text: text != SEMANTIC),
    channel=st.just("depth") | TEXT,
)
def test_what_convert_writes_reads_back_the_same_or_nothing_is_written(
    ids: list[str], names: list[str], head: str, channel: str
) -> None:
    data = made(ids, names, head, channel)
    with TemporaryDirectory() as folder:
        place = Path(folder) / "in/out"
        try:
            convert(data, place, "all")
        except DataError as error:
            assert error.hint is not None
            assert list(Path(folder).rglob("*")) == []
            return
        assert [path.name for path in Path(folder).iterdir()] == ["in"], "nothing is written elsewhere"
        again = open_dataset(f"folder:{place}", "all").with_channels(channel)
        assert set(again.heads) == set(data.heads)
        assert {tuple(map_.classes.names) for map_ in again.heads.values()} == {tuple(names)}
        places = {entry.id: index for index, entry in enumerate(again.entries)}
        assert len(places) == len(ids)
        for index, id_ in enumerate(ids):
            one, other = data.read(index), again.read(places[file_stem(id_)])
            assert np.array_equal(one.image, other.image)
            assert all(np.array_equal(labels, other.heads[name]) for name, labels in one.heads.items())
            assert np.array_equal(one.channels[channel], other.channels[channel])


@pytest.mark.parametrize("name", ["a\nb", "a\u2028b", "a\x0cb", "cat ", "a\tb", "", "\ufeffcat", "x" * 5000])
def test_class_names_that_a_line_cannot_hold_are_refused_with_the_way_to_rename_them(
    tmp_path: Path, name: str
) -> None:
    data = made(["1"], ["ground", name])
    with pytest.raises(DataError, match=r"the class 1, .* cannot be a line of a text file\nhint: .*NAME=1"):
        convert(data, tmp_path / "out", "all")
    assert list(tmp_path.iterdir()) == []
    convert(data.with_heads(SEMANTIC).select("ground,cat=1"), tmp_path / "out", "all")
    assert open_dataset(f"folder:{tmp_path / 'out'}", "all").classes.names == ("ground", "cat")


@pytest.mark.parametrize("name", ["traffic\u00a0light", "\u0645\u06cc\u200c\u062e", "rock 'n' roll", "a=b+c"])
def test_legitimate_class_names_survive(tmp_path: Path, name: str) -> None:
    convert(made(["1"], ["ground", name]), tmp_path / "out", "all")
    assert open_dataset(f"folder:{tmp_path / 'out'}", "all").classes.names == ("ground", name)


def test_ids_that_begin_with_dots_become_files_that_are_seen(tmp_path: Path) -> None:
    convert(made(["../img/p0", ".p1", "p2"], ["a"]), tmp_path / "out", "all")
    names = [entry.id for entry in open_dataset(f"folder:{tmp_path / 'out'}", "all").entries]
    assert names == ["___img_p0", "_p1", "p2"]


@pytest.mark.parametrize("what", ["split", "head", "channel"])
@pytest.mark.parametrize("name", ["../elsewhere", "a/b", "", "..", "\ud800", "x" * 300])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, what: str, name: str) -> None:
    data = made(["1"], ["a"], name if what == "head" else "other", name if what == "channel" else "depth")
    with pytest.raises(DataError, match=rf"the {what} .* cannot be part of a file name"):
        convert(data, tmp_path / "in/out", name if what == "split" else "all")
    assert list(tmp_path.iterdir()) == []
