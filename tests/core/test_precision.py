"""One vocabulary of number formats."""

import dataclasses
from pathlib import Path

import pytest

from pixelwise.core import precision
from pixelwise.core.errors import TrainingError
from pixelwise.training.recipe import Recipe
from pixelwise.workflows import load

ONE_OF = r"precision is one of auto, float32, bfloat16, float16, got "
RECIPE = Recipe(name="mine", data="folder:x")


def test_names_of_fabric_stand_for_ours_and_earlier_recipes_are_read() -> None:
    pairs = {"32-true": "float32", "bf16-mixed": "bfloat16", "16-mixed": "float16"}
    for theirs, ours in pairs.items():
        assert precision.plain(theirs) == ours
        assert precision.fabric_name(ours) == theirs
        assert RECIPE.override([f"precision={theirs}"]).precision == ours
        assert Recipe.from_dict({**dataclasses.asdict(RECIPE), "precision": theirs}).precision == ours


def test_an_unknown_name_is_the_same_error_everywhere(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=ONE_OF + '"fp8"'):
        RECIPE.override(["precision=fp8"])
    with pytest.raises(TrainingError, match=ONE_OF + '"fp8"'):
        Recipe.from_dict({**dataclasses.asdict(RECIPE), "precision": "fp8"})
    for model in ("default", tmp_path):
        with pytest.raises(ValueError, match=ONE_OF.replace(", got", ", int8, got") + '"fp8"'):
            load(model, precision="fp8")


def test_nets_run_in_float32_or_bfloat16_and_auto_is_exact(tmp_path: Path) -> None:
    assert [precision.for_net(name) for name in ("auto", "float32", "bfloat16", "bf16-mixed")] == [
        *("float32", "float32", "bfloat16", "bfloat16")
    ]
    for model in ("default", tmp_path):
        with pytest.raises(ValueError, match="models run in float32, bfloat16, int8, not in float16"):
            load(model, precision="float16")


def test_nothing_is_trained_in_int8() -> None:
    with pytest.raises(TrainingError, match=ONE_OF + '"int8"'):
        RECIPE.override(["precision=int8"])
