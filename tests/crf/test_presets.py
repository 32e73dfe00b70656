"""Presets by name and in files."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise.core.errors import PresetError
from pixelwise.crf import DEEPLAB, PRESETS, Preset, load_preset, refine, refine_many
from pixelwise.crf.potentials import Bilateral, Gaussian


def test_the_published_values_are_known_by_name() -> None:
    values = {name: (preset.w1, preset.theta_alpha, preset.theta_beta) for name, preset in PRESETS.items()}
    assert values == {
        "densecrf": (10, 80, 13),
        "deeplab": (5, 50, 10),
        "deeplab-msc": (3, 95, 3),
        "deeplab-coco": (5, 67, 3),
    }
    assert all((preset.w2, preset.theta_gamma) == (3, 3) for preset in PRESETS.values())
    assert load_preset("deeplab") is DEEPLAB


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    for preset in (*PRESETS.values(), Preset("Schärfe", "by hand", 0, 1.5, 1e6, 0, 2.25, 3, "none")):
        path.write_text(preset.to_json({"mean_iou": 0.8, "images": 3}), encoding="utf-8")
        assert load_preset(path) == load_preset(str(path)) == preset
    assert json.loads(path.read_text(encoding="utf-8"))["search"] == {"mean_iou": 0.8, "images": 3}


def test_fields_with_defaults_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    short = {"format": 1, "name": "n", "source": "s", "w1": 5, "theta_alpha": 50, "theta_beta": 10}
    path.write_text(json.dumps(short))
    assert load_preset(path) == Preset("n", "s", 5, 50, 10)


def test_widths_in_pixels_grow_with_the_picture() -> None:
    spatial, bilateral = DEEPLAB.scaled(8).kernels([[[0, 0, 0]]])
    assert isinstance(spatial, Gaussian)
    assert isinstance(bilateral, Bilateral)
    assert (spatial.theta_gamma, bilateral.theta_alpha) == (24, 400)
    assert (bilateral.theta_beta, bilateral.weight, spatial.weight) == (10, 5, 3)


def test_widths_are_for_pictures_of_500_pixels_and_grow_with_the_larger_side() -> None:
    for size in ((375, 500), (1, 1), (500, 500)):
        assert DEEPLAB.for_size(size) == DEEPLAB
    for size in ((500, 750), (750, 20)):
        assert DEEPLAB.for_size(size) == DEEPLAB.scaled(1.5)


def test_the_limits_of_a_preset_s_fields_are_accepted() -> None:
    longest = "n" * 1000
    preset = Preset(longest, longest, 0, 0.01, 1e6, 1e6, 1e6, iterations=0)
    assert Preset.from_json(preset.to_json()) == preset
    assert dataclasses.replace(preset, iterations=1000).iterations == 1000


GOOD: dict[str, Any] = json.loads(DEEPLAB.to_json())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "mine.json is not JSON"),
        ("[" * 100_000, "mine.json is not JSON"),
        ("[1]", "expected a JSON object, got list"),
        ("{}", '"format" must be 1, got None; "name" is missing; "source" is missing; "w1" is missing'),
        (json.dumps({**GOOD, "format": 2}), "has preset format 2; this pixelwise reads formats up to 1"),
        (json.dumps({**GOOD, "thetaalpha": 1}), "unknown field 'thetaalpha'"),
        (json.dumps({**GOOD, "theta_beta": 0}), "theta_beta must be a width from 0.01 to 1e+06, got 0"),
        (json.dumps({**GOOD, "w1": float("nan")}), "w1 must be a weight from 0 to 1e+06, got nan"),
        (
            json.dumps({**GOOD, "w1": True, "w2": "3"}),
            "got True; w2 must be a weight from 0 to 1e+06, got '3'",
        ),
        (
            json.dumps({**GOOD, "iterations": 2.5}),
            "iterations must be a whole number from 0 to 1000, got 2.5",
        ),
        (json.dumps({**GOOD, "normalization": []}), "one of none, before, after, symmetric, got []"),
        (json.dumps({**GOOD, "name": 5}), "name must be a text of up to 1000 characters, got 5"),
        (b"\xff\xfe\x00", "mine.json is not a text file"),
        (b" " * 1_000_001, "more than 1000000 bytes"),
        ('{"search": ' * 50_000, "mine.json is not JSON"),
        (
            json.dumps({**GOOD, "w1": 10**400}),
            "must be a weight from 0 to 1e+06, got a number of 1329 bits",
        ),
        (json.dumps({**GOOD, "format": 10**400}), "has preset format a number of 1329 bits"),
        (json.dumps({**GOOD, "iterations": -(10**400)}), "iterations must be a whole number from 0 to 1000"),
        ('{"w1": 1' + "0" * 5000 + "}", "mine.json is not JSON"),
        (json.dumps({**GOOD, "w1": 1}).replace('"w1": 1', '"w1": 1e999'), "w1 must be a weight"),
        (json.dumps({**GOOD, "theta_alpha": float("-inf")}), "theta_alpha must be a width"),
        (
            json.dumps({**GOOD, "theta_alpha": 1e-30}),
            "alpha must be a width from 0.01 to 1e+06, got 1e-30",
        ),
        (
            json.dumps({**GOOD, "theta_beta": 1e-30}),
            "beta must be a width from 0.01 to 1e+06, got 1e-30",
        ),
        (
            json.dumps({**GOOD, "theta_gamma": None}),
            "gamma must be a width from 0.01 to 1e+06, got None",
        ),
        (json.dumps({**GOOD, "source": "a \ud800"}), "source must be a text"),
        (
            json.dumps({**GOOD, "name": "n" * 100_000}),
            "must be a text of up to 1000 characters, got 'nnn",
        ),
        (json.dumps({**GOOD, "format": True}), '"format" must be 1, got True'),
        (json.dumps({**GOOD, "\x1b[31m": 1}), "unknown field '\\x1b[31m'"),
        (json.dumps({**GOOD, **{str(k): k for k in range(50)}}), "45 more unknown fields"),
    ],
)
def test_a_faulty_file_is_refused_with_every_fault(
    content: str | bytes, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PresetError) as caught:
        load_preset(path)
    assert complaint in caught.value.message
    assert str(path) in caught.value.message


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match=r"no CRF preset deplab(.|\n)*densecrf, deeplab, deeplab-msc"):
        load_preset("deplab")
    with pytest.raises(PresetError, match=r"cannot read the CRF preset .*: it is not a file"):
        load_preset(tmp_path)
    with pytest.raises(PresetError, match=r"cannot read the CRF preset .*null"):
        load_preset("a\0b")


def test_a_preset_made_by_hand_is_checked_too() -> None:
    with pytest.raises(ValueError, match=r"theta_alpha must be a width .*, got -1; iterations must be"):
        Preset("x", "y", 1, -1, 1, iterations=-1)


def test_every_preset_that_is_accepted_can_be_used() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 2000, 3)).astype(np.uint8)
    beliefs = np.full((2, 3, 2000), 0.5, np.float32)
    for width in (0.01, 1e6):
        preset = Preset("extreme", "test", 1e6, width, width, 1e6, width, iterations=1).for_size((3, 2000))
        assert np.isfinite(refine(image, beliefs, preset=preset)).all()


def test_what_is_not_a_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")  # to open one waits for a writer
    for path in (tmp_path / "pipe.json", Path("/dev/zero")):
        with pytest.raises(PresetError, match="it is not a file"):
            load_preset(path)


def test_refine_takes_a_preset_by_name_and_by_file(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (8, 9, 3)).astype(np.uint8)
    labels = generator.integers(0, 2, (8, 9))
    expected = refine(image, labels, preset=DEEPLAB)
    assert np.array_equal(refine(image, labels, preset="deeplab"), expected)
    (tmp_path / "mine.json").write_text(DEEPLAB.to_json())
    for refined in refine_many([image] * 2, [labels] * 2, preset=tmp_path / "mine.json"):
        assert np.allclose(refined, expected, atol=1e-6)
    with pytest.raises(PresetError, match="deplab"):
        refine(image, labels, preset="deplab")


def test_refine_refuses_what_is_not_a_preset() -> None:
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)
    labels = np.arange(72).reshape(8, 9) % 2
    wrong: Any
    for wrong in (True, None, 3):
        with pytest.raises(ValueError, match=rf"expected a CRF preset, its name \(densecrf.*got {wrong}"):
            refine(image, labels, preset=wrong)
