"""Colours of palettes that contradict the ids, as programs write them that renumber a palette."""

from pathlib import Path

import numpy as np
import pytest
from label_files import Rows, write_label, write_photo
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.data import open_dataset
from pixelwise.data.checks.audit import audit
from pixelwise.data.checks.label_palettes import greys_are_other_ids
from pixelwise.data.class_map import ClassMap

FOUR = ClassMap.identity(Classes.named(["background", "a", "b", "c"]))


def folder_of(root: Path, *labels: Rows) -> str:
    (root / "classes.txt").write_text("background\na\nb\nc\n")
    (root / "labels").mkdir()
    for index, rows in enumerate(labels):
        write_photo(root / f"images/{index}.jpg", len(rows), len(rows[0]))
        write_label(root / f"labels/{index}.png", rows, "P")
    return f"folder:{root}"


def warnings_of(spec: str) -> list[str]:
    return [one.message for one in audit(open_dataset(spec, "all")).warnings if one.kind == "palette"]


def test_palettes_that_an_optimiser_renumbered_are_named(tmp_path: Path) -> None:
    """Without its unused colours, the palette of the second file has class 2 in place 1, and reads as 1."""
    spec = folder_of(tmp_path, [[0, 1]], [[0, 2]], [[0, 1]])
    assert warnings_of(spec) == []
    file = tmp_path / "labels/1.png"
    with Image.open(file) as image:
        image.remap_palette([0, 2]).save(file)
    assert open_dataset(spec, "all").read(1).labels.tolist() == [[0, 1]]
    (message,) = warnings_of(spec)
    assert message.startswith("palettes differ in 1 label file: 1 is #800000 in 0, but #008000 in 1; ids are")


@pytest.mark.parametrize(
    ("greys", "are"),
    [
        ({0: 0, 1: 1, 2: 255}, True),  # 0, 1 and void, renumbered
        ({0: 255, 1: 0}, True),  # white first
        ({0: 0, 1: 255}, False),  # shown in black and white
        ({0: 0, 1: 127, 2: 255}, False),  # for show: 127 is not an id
        ({0: 0, 1: 1, 255: 255}, False),
        ({}, False),
    ],
)
def test_greys_of_a_palette_may_be_other_ids_than_the_values(greys: dict[int, int], are: bool) -> None:
    assert greys_are_other_ids({id_: 0x010101 * grey for id_, grey in greys.items()}, FOUR) == are


def test_a_palette_of_greys_that_are_other_ids_is_named(tmp_path: Path) -> None:
    spec = folder_of(tmp_path, [[0, 1, 2]])
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([value for grey in (0, 1, 255) for value in (grey, grey, grey)])
    image.save(tmp_path / "labels/0.png")
    (message,) = warnings_of(spec)
    assert message.startswith(
        "the palette's greys are known ids, but not those of their pixels, in 1 label file"
    )
