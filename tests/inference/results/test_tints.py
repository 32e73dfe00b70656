"""Overlays' colours: the table is what the rule of docs/tints.py chooses, and it keeps its promises."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise.core import Classes, voc_palette
from pixelwise.inference.results.tints import TINTS, tints, visible_colour

RULE: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[3] / "docs" / "tints.py"))


def test_the_table_is_what_the_rule_chooses() -> None:
    assert tuple(RULE["chosen"](len(TINTS))) == TINTS


@pytest.mark.parametrize(("count", "least"), [(20, 0.06), (11, 0.09)])
def test_tints_are_told_apart_with_each_kind_of_vision(count: int, least: float) -> None:
    before = [visible_colour(colour) for colour in voc_palette(1 + count)[1:]]
    assert min(RULE["smallest"](list(TINTS[:count]))) > least > 5 * min(RULE["smallest"](before))


def test_tints_are_far_from_skin_fur_and_asphalt() -> None:
    photo = RULE["seen"](RULE["SKIN"] + RULE["FUR"] + RULE["ASPHALT"])
    assert RULE["distances"](RULE["seen"](TINTS), photo)[0].min() > 0.07


def test_the_rule_converts_white_and_red_as_its_source_does() -> None:
    """OKLab of white is (1, 0, 0), of pure red (0.628, 0.225, 0.126)."""
    lab = RULE["oklab"](RULE["linear"]([(255, 255, 255), (255, 0, 0)]))
    assert lab == pytest.approx(np.array([[1, 0, 0], [0.628, 0.225, 0.126]]), abs=1e-3)


def test_classes_get_different_tints_and_the_background_is_grey() -> None:
    names = ["background", *(f"class {i}" for i in range(20))]
    found = tints(Classes.named(names))
    assert found[0] == (90, 90, 90) and sorted(found[1:]) == sorted(TINTS)


def test_sky_is_blue_plants_are_green_and_roads_violet_wherever_they_stand() -> None:
    names = ["building", "road", "tree", "sky", "grass"]
    building, road, tree, sky, grass = tints(Classes.named(names))
    assert sky == TINTS[2] and tree == TINTS[0] and road == TINTS[1], "as the first that are called so"
    assert {building, grass} == {TINTS[3], TINTS[4]}


def test_more_classes_than_tints_keep_their_own_colours() -> None:
    classes = Classes.named([str(i) for i in range(len(TINTS) + 1)])
    assert tints(classes) == tuple(map(visible_colour, classes.palette))


def test_visible_colours_are_bright() -> None:
    assert visible_colour((64, 0, 0))[0] > 140
    assert visible_colour((0, 255, 0)) == (0, 255, 0)
    assert visible_colour((0, 0, 0)) == (90, 90, 90)
