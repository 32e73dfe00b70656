"""The contact sheet shows what the training sees."""

from pathlib import Path

import numpy as np
import pytest
import torch
from label_files import write_label, write_list
from PIL import Image

from pixelwise.data import open_dataset
from pixelwise.data.transforms import Augmentation
from pixelwise.training.contact_sheet import preview
from pixelwise.training.sampling.batches import AugmentedImages, Batch

SETTINGS = Augmentation(crop=110, scale=(0.5, 2.0), side=500, colour=0.3)


def test_the_columns_are_the_very_crops_of_the_first_epochs(squares: Path) -> None:
    """Cells are 220 wide, so that a crop of 110 is shown with every pixel doubled."""
    data = open_dataset(f"folder:{squares}", "train")
    sheet = np.asarray(preview(data, SETTINGS, seed=3, pictures=2, epochs=2))
    assert sheet.shape[1] == 6 + 3 * 226
    for epoch, left in ((0, 6 + 226), (1, 6 + 2 * 226)):
        seen = AugmentedImages(data, SETTINGS, 3)[epoch, 0, 0]
        assert isinstance(seen, Batch)
        shown = sheet[44:264:2, left : left + 220 : 2]
        assert torch.equal(torch.from_numpy(shown.copy()).permute(2, 0, 1), seen.images[0])


@pytest.mark.parametrize("pictures", [1, 50])
def test_any_number_of_samples_will_do(squares: Path, pictures: int) -> None:
    data = open_dataset(f"folder:{squares}", "val")
    sheet = preview(data, Augmentation(0, (1.0, 1.0), jitter=8), 0, pictures, 1)
    samples = min(pictures, 4)
    assert sheet.size == (6 + 2 * 226, 22 + samples * (22 + 165 + 6 + 165 + 6) + 22 + 6)


def test_heads_and_channels_get_rows_of_their_own(tmp_path: Path) -> None:
    for kind in ("images", "labels", "labels.geometric", "channels.hha", "channels.depth"):
        (tmp_path / kind).mkdir()
    write_list(tmp_path / "classes.txt", "ground", "cup")
    write_list(tmp_path / "classes.geometric.txt", "flat", "upright")
    for name in "ab":
        Image.new("RGB", (40, 40), (99, 9, 9)).save(tmp_path / f"images/{name}.png")
        Image.new("RGB", (40, 40), (9, 9, 199)).save(tmp_path / f"channels.hha/{name}.png")
        np.save(tmp_path / f"channels.depth/{name}.npy", np.linspace(1, 5, 1600).reshape(40, 40))
        write_label(tmp_path / f"labels/{name}.png", [[0] * 20 + [1] * 20] * 40)
        write_label(tmp_path / f"labels.geometric/{name}.png", [[1] * 40] * 40)
    data = open_dataset(f"folder:{tmp_path}", "all").with_channels("depth", "hha")
    sheet = preview(data, Augmentation(40, (1.0, 1.0), mirror=False), 0, 1, 1)
    assert sheet.height == 22 + 5 * (22 + 220 + 6) + 22 + 6
    pixels = np.asarray(sheet)
    rows = [22 + row * 248 + 22 + 110 for row in range(5)]  # image, semantic, geometric, depth, hha
    assert pixels[rows[0], 116].tolist() == [99, 9, 9]
    assert pixels[rows[4], 116].tolist() == [9, 9, 199]
    grey = pixels[rows[3] - 100, 116, 0], pixels[rows[3] + 100, 116, 0]
    assert grey[0] < 30
    assert grey[1] > 225
