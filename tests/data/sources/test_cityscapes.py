"""Cityscapes, in files written here."""

from pathlib import Path

import pytest
from label_files import write_label, write_photo

from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset


@pytest.mark.parametrize("suffix", ["labelIds", "labelTrainIds"])
def test_cityscapes_has_19_classes_in_either_form(tmp_path: Path, suffix: str) -> None:
    stem = "aachen/aachen_000000_000019"
    write_photo(tmp_path / f"leftImg8bit/val/{stem}_leftImg8bit.png", 1, 4)
    ids = {"labelIds": [7, 33, 4, 255], "labelTrainIds": [0, 18, 255, 255]}[suffix]
    write_label(tmp_path / f"gtFine/val/{stem}_gtFine_{suffix}.png", [ids])
    data = open_dataset(f"cityscapes:{tmp_path}", "val")
    assert data.entries[0].id == stem
    assert (data.classes.names[0], data.classes.names[18]) == ("road", "bicycle")
    assert data.read(0).labels.tolist() == [[0, 18, 255, 255]]


def test_the_19_classes_have_the_published_ids_and_colours(tmp_path: Path) -> None:
    """Those of labels.py in cityscapesScripts that are judged, in the order of their training ids."""
    published = {
        7: "road 804080",
        8: "sidewalk f423e8",
        11: "building 464646",
        12: "wall 66669c",
        13: "fence be9999",
        17: "pole 999999",
        19: "traffic light faaa1e",
        20: "traffic sign dcdc00",
        21: "vegetation 6b8e23",
        22: "terrain 98fb98",
        23: "sky 4682b4",
        24: "person dc143c",
        25: "rider ff0000",
        26: "car 00008e",
        27: "truck 000046",
        28: "bus 003c64",
        31: "train 005064",
        32: "motorcycle 0000e6",
        33: "bicycle 770b20",
    }
    write_photo(tmp_path / "leftImg8bit/val/a/x_leftImg8bit.png", 1, 34)
    write_label(tmp_path / "gtFine/val/a/x_gtFine_labelIds.png", [[*range(34)]])
    data = open_dataset(f"cityscapes:{tmp_path}", "val")
    found = data.read(0).labels[0].tolist()
    assert [id_ for id_ in range(34) if found[id_] != 255] == list(published)
    assert [found[id_] for id_ in published] == list(range(19))
    named = zip(data.classes.names, data.classes.palette, strict=True)
    assert [f"{name} {bytes(colour).hex()}" for name, colour in named] == list(published.values())


def test_an_id_beyond_cityscapes_33_is_out_of_range(tmp_path: Path) -> None:
    write_photo(tmp_path / "leftImg8bit/val/a/x_leftImg8bit.png", 1, 1)
    write_label(tmp_path / "gtFine/val/a/x_gtFine_labelIds.png", [[34]])
    with pytest.raises(DataError, match=r"x_gtFine_labelIds.png holds the ids 34, but only ids 0 to 33, 255"):
        open_dataset(f"cityscapes:{tmp_path}", "val").read(0)
    with pytest.raises(DataError, match=r'no split "train": no files .*CITY/ID_leftImg8bit.png'):
        open_dataset(f"cityscapes:{tmp_path}", "train")
