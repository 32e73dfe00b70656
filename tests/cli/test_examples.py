"""The help of every verb ends with two examples; those of the training verbs work as they stand."""

import dataclasses
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.models import CommandInfo
from typer.testing import CliRunner

from pixelwise import recipes
from pixelwise.cli import boxes_to_masks, check, convert, data, evaluate, export, hha, main, preview, train
from pixelwise.recipes import finetune


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory with my_images and VOC2012, where the recipe finetune is a matter of seconds."""
    root = tmp_path_factory.mktemp("place")
    (root / "my_images").mkdir()
    (root / "my_images/classes.txt").write_text("background\ncup\n")
    write(root / "my_images/images", root / "my_images/labels", [f"{index:02}" for index in range(11)])
    write(root / "VOC2012/JPEGImages", root / "VOC2012/SegmentationClass", ["2007_1", "2007_2"])
    (root / "VOC2012/lists").mkdir()
    (root / "VOC2012/lists/val.txt").write_text("2007_1\n2007_2\n")
    (root / "VOC2012/Annotations").mkdir()
    for name in ("2007_1", "2007_2"):
        (root / f"VOC2012/Annotations/{name}.xml").write_text(
            "<annotation><size><width>30</width><height>20</height></size><object><name>cat</name><bndbox>"
            "<xmin>9</xmin><ymin>4</ymin><xmax>22</xmax><ymax>17</ymax></bndbox></object></annotation>"
        )
    (root / "photos").symlink_to(root / "my_images/images")
    content = {
        "images": [{"id": 1, "file_name": "00.jpg", "height": 20, "width": 30}],
        "categories": [{"id": 1, "name": "cup"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [8, 3, 14, 14]}],
    }
    (root / "instances.json").write_text(json.dumps(content))
    (root / "depth").mkdir()
    for name in ("depth.png", "depth/0.png"):
        Image.fromarray(np.full((20, 30), 1500, np.uint16)).save(root / name)
    quick = dataclasses.replace(
        finetune.RECIPE,
        backbone="test_efficientnet",
        backbone_weights="none",
        context=4,
        hidden=0,
        crop=33,
        batch_size=2,
        steps=2,
        workers=0,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "get_recipe", lambda name: quick)
        patch.chdir(root)
        yield root


def write(images: Path, labels: Path, names: list[str]) -> None:
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    random = np.random.default_rng(0)  # no two pictures alike, or check would suspect a leak
    for name in names:
        mask = np.zeros((20, 30), np.uint8)
        mask[5:15, 10:20] = 1
        blocks = random.integers(0, 256, (4, 6, 3), np.uint8).repeat(5, 0).repeat(5, 1)
        Image.fromarray(np.where(mask[..., None] == 1, 255 - blocks, blocks)).save(images / f"{name}.jpg")
        Image.fromarray(mask).save(labels / f"{name}.png")


EXAMPLES = (
    *data.EXAMPLES,
    *convert.EXAMPLES,
    *boxes_to_masks.EXAMPLES,
    *hha.EXAMPLES,
    *check.EXAMPLES,
    *preview.EXAMPLES,
    *train.EXAMPLES,
    *evaluate.EXAMPLES,
    *export.EXAMPLES,
)


@pytest.mark.parametrize("command", main.app.registered_commands, ids=lambda command: command.name)
def test_the_help_of_every_verb_ends_with_two_examples_of_it(command: CommandInfo) -> None:
    heading, *examples = str(command.epilog).split("\n\n")
    assert heading == "Examples:"
    assert [shlex.split(example)[:2] for example in examples] == [["pixelwise", command.name]] * 2


@pytest.mark.parametrize(
    "example",
    [pytest.param(line, marks=pytest.mark.slow) if "runs/mine" in line else line for line in EXAMPLES],
)
def test_the_example_succeeds(place: Path, example: str) -> None:
    result = CliRunner().invoke(main.app, shlex.split(example)[1:])
    assert result.exit_code == 0, result.output
