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


def test_an_id_beyond_cityscapes_33_is_out_of_range(tmp_path: Path) -> None:
    write_photo(tmp_path / "leftImg8bit/val/a/x_leftImg8bit.png", 1, 1)
    write_label(tmp_path / "gtFine/val/a/x_gtFine_labelIds.png", [[34]])
    with pytest.raises(DataError, match=r"x_gtFine_labelIds.png holds the ids 34, but only ids 0 to 33, 255"):
        open_dataset(f"cityscapes:{tmp_path}", "val").read(0)
    with pytest.raises(DataError, match=r'no split "train": no files .*CITY/ID_leftImg8bit.png'):
        open_dataset(f"cityscapes:{tmp_path}", "train")
