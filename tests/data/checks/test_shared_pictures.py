"""Pictures that two splits share are refused before training, and classes that differ before converting."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from label_files import write_label, write_photo
from PIL import Image
from typer.testing import CliRunner

from pixelwise.cli.main import app
from pixelwise.core.errors import DataError
from pixelwise.data import open_dataset
from pixelwise.data.checks import shared_pictures
from pixelwise.data.checks.shared_pictures import different_classes, expect_no_shared_picture
from pixelwise.recipes import get_recipe
from pixelwise.workflows import check, convert
from pixelwise.workflows.training import prepare


def sample(place: Path, name: str, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    (place / "images").mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(place / f"images/{name}.bmp")
    write_label(place / f"labels/{name}.png", [[0, 1, 0, 1, 0]] * 4)


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    """Three training pictures and two others to judge by, whose names and sizes are the same."""
    for split, first in (("train", 0), ("val", 100)):
        for number in range(3 if split == "train" else 2):
            sample(tmp_path / split, str(number), first + number)
    (tmp_path / "classes.txt").write_text("ground\nthing\n")
    return tmp_path


@pytest.mark.parametrize("name", ["1", "renamed"])
def test_a_picture_of_both_splits_stops_training(splits: Path, name: str) -> None:
    shutil.copyfile(splits / "train/images/2.bmp", splits / f"val/images/{name}.bmp")
    shutil.copyfile(splits / "train/labels/2.png", splits / f"val/labels/{name}.png")
    with pytest.raises(DataError, match=rf"train and .* val share 1 picture, such as 2 \(there {name}\)"):
        prepare("finetune", [f"data=folder:{splits}"])
    prepare("finetune", [f"data=folder:{splits}", "val_split=train"])
    prepare("finetune", [f"data=folder:{splits}", f"val_data=folder:{splits},zero=class"])


def test_a_run_that_was_begun_on_shared_pictures_goes_on_with_a_warning(splits: Path) -> None:
    shutil.copyfile(splits / "train/images/2.bmp", splits / "val/images/1.bmp")
    said: list[str] = []
    prepare(get_recipe("finetune"), [f"data=folder:{splits}"], resume=True, on_warning=said.append)
    assert [line for line in said if "share 1 picture" in line]


def test_pictures_that_share_no_more_than_name_and_size_are_trained_on(splits: Path) -> None:
    prepare("finetune", [f"data=folder:{splits}"])


def test_held_out_pictures_and_a_second_data_set_are_trained_on(splits: Path) -> None:
    data, also = splits / "train", splits / "also"
    shutil.copytree(splits / "val", also / "train")
    for place in (data, also):
        shutil.copyfile(splits / "classes.txt", place / "classes.txt")
    prepare("finetune", [f"data=folder:{data}", f"also=folder:{also}", "also_classes=thing"])


def test_a_part_of_a_file_that_is_equal_by_chance_is_no_shared_picture(
    splits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_pictures, "fingerprint_of_file", lambda file, id_: b"same")
    train, val = (open_dataset(f"folder:{splits}", split) for split in ("train", "val"))
    expect_no_shared_picture(train, val)


def test_of_several_processes_on_a_machine_one_compares(
    splits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(splits / "train/images/2.bmp", splits / "val/images/1.bmp")
    monkeypatch.setattr("pixelwise.training.distributed.launcher.is_first_here", lambda: False)
    prepare("finetune", [f"data=folder:{splits}"])


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Two splits whose categories have the same names in another order."""
    outline = [[0, 0, 3, 0, 3, 3, 0, 3]]
    for split, names in (("train", ("cat", "dog")), ("val", ("dog", "cat"))):
        content = {
            "images": [{"id": 1, "file_name": f"{split}.jpg", "height": 4, "width": 5}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": outline}],
            "categories": [{"id": id_, "name": name} for id_, name in enumerate(names, start=1)],
        }
        content["annotations"][0]["bbox"] = [0, 0, 3, 3]
        (tmp_path / "annotations").mkdir(exist_ok=True)
        (tmp_path / f"annotations/instances_{split}.json").write_text(json.dumps(content))
        write_photo(tmp_path / f"{split}/{split}.jpg", 4, 5)
    Image.new("RGB", (5, 4), (250, 90, 10)).save(tmp_path / "val/val.jpg")
    return tmp_path


def test_check_names_splits_of_other_classes(coco: Path, tmp_path: Path) -> None:
    found = check(f"coco:{coco}")
    assert [leak.kind for leak in found.errors] == ["classes"]
    order = "train has the classes background, cat, dog, but .* val background, dog, cat"
    done = CliRunner().invoke(app, ["check", f"coco:{coco}", "--html", str(tmp_path / "page.html")])
    assert done.exit_code == 1
    assert "has the classes background, cat, dog, but" in " ".join(done.output.split())
    assert "background, dog, cat" in (tmp_path / "page.html").read_text()
    assert json.loads(CliRunner().invoke(app, ["check", f"coco:{coco}", "--json"]).stdout)["between"][
        "errors"
    ]
    assert check(f"coco:{coco}", classes="background,cat,dog").errors == ()
    train, val = (open_dataset(f"coco:{coco}", split) for split in ("train", "val"))
    assert re.search(order, different_classes(train, val) or "")


@pytest.mark.parametrize("command", ["convert", "boxes-to-masks"])
def test_splits_of_other_classes_are_refused_before_one_is_written(
    coco: Path, tmp_path: Path, command: str
) -> None:
    line = [command, f"coco:{coco}", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 1
    assert "hint:  name the classes to use of all splits, in order: --classes NAME,NAME" in done.output
    assert not (tmp_path / "out").exists()
    assert CliRunner().invoke(app, [*line, "--classes", "background,cat,dog"]).exit_code == 0


def test_a_folder_that_exists_is_refused_before_another_is_written(splits: Path, tmp_path: Path) -> None:
    (tmp_path / "out/val").mkdir(parents=True)
    with pytest.raises(DataError, match="val already exists"):
        convert(f"folder:{splits}", tmp_path / "out")
    assert not (tmp_path / "out/train").exists()
