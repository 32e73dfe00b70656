"""Any data set becomes a folder that reads the same."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from label_files import write_label, write_list, write_mat_73, write_photo
from PIL import Image

from pixelwise.data import LabelledImages, open_dataset
from pixelwise.data.convert import convert
from pixelwise.errors import DataError


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
