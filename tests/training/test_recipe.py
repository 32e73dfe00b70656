"""Recipes are typed plain data."""

import dataclasses
import json

import pytest

from pixelwise.errors import TrainingError
from pixelwise.recipes import get_recipe, recipe_names
from pixelwise.training.optimizer import schedule
from pixelwise.training.presets import PRESETS
from pixelwise.training.recipe import Recipe

PLAIN = Recipe(name="plain", data="folder:x")


def test_settings_are_read_as_their_field_s_type() -> None:
    changed = PLAIN.override(
        [
            "steps=7",
            "scale=0.5,2",
            "skips=16,8",
            "mirror=false",
            "learning_rate=1e-4",
            "classes=a,b",
            "skips=16",
        ]
    )
    assert (changed.steps, changed.scale, changed.mirror) == (7, (0.5, 2.0), False)
    assert (changed.learning_rate, changed.classes, changed.skips) == (1e-4, "a,b", (16,))
    assert changed.override(["classes=none", "skips="]).classes is None
    assert PLAIN.steps != 7


def test_all_faults_of_settings_are_told_at_once() -> None:
    with pytest.raises(TrainingError) as caught:
        PLAIN.override(["stepz=1", "name=mine", "steps=many", "scale=1", "mirror=yes", "crop"])
    for complaint in (
        'no field "stepz"',
        'no field "name"',
        "steps=many does not read as a whole number",
        "scale=1 does not read as 2 numbers separated by commas",
        "mirror=yes does not read as true or false",
        '"crop" is not of the form field=value',
    ):
        assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("jitter=x", "a whole number or none"),
        ("steps=1.5", "a whole number"),
        ("ema=most", "a number"),
        ("skips=16,x", "numbers separated by commas"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_what_was_expected(setting: str, expected: str) -> None:
    with pytest.raises(TrainingError, match=f"{setting} does not read as {expected}\n"):
        PLAIN.override([setting])


def test_optional_fields_may_be_none() -> None:
    assert PLAIN.override(["jitter=32"]).jitter == 32
    assert PLAIN.override(["jitter=32"]).override(["jitter=none"]).jitter is None


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("scale=2,1", "LOW <= HIGH"),
        ("optimizer=adam", 'optimizer must be "adamw" or "sgd"'),
        ("ema=1", r"ema must lie in \[0, 1\)"),
        ("output_stride=4", "8, 16 or 32"),
        ("skips=32,16", "not above output_stride 32"),
        ("batch_size=0", "at least 1, got 0"),
        ("loss_sampling=0", r"loss_sampling must lie in \(0, 1\]"),
        ("padding=valid", 'padding must be "same" or "release"'),
        ("inputs=depth,image", "inputs must name image first, if they are several, got depth,image"),
        ("inputs=depth,hha", "inputs must name image first, if they are several, got depth,hha"),
        ("inputs=hha,image", "inputs must name image first, if they are several, got hha,image"),
        ("precision=16-true", 'precision must be "auto" or "32-true" or "bf16-mixed" or "16-mixed"'),
        ("net=unet", "net must be one of skip_fcn, fcn32s-alexnet"),
        ("net=fcn8s-vgg16", 'takes backbone_weights "none", "torchvision" or a file, got "package"'),
    ],
)
def test_values_that_cannot_work_are_rejected(setting: str, complaint: str) -> None:
    with pytest.raises(TrainingError, match=complaint):
        PLAIN.override([setting])


@pytest.mark.parametrize(
    ("preset", "rate", "momentum", "loss", "images"),
    [
        ("fcn-online-32s", 1e-10, 0.99, "sum", 1),
        ("fcn-online-16s", 1e-12, 0.99, "sum", 1),
        ("fcn-online-8s", 1e-14, 0.99, "sum", 1),
        ("fcn-online-8s-at-once", 1e-10, 0.99, "sum", 1),
        ("fcn-batch20-alexnet", 1e-3, 0.9, "mean", 20),
        ("fcn-batch20-vgg16", 1e-4, 0.9, "mean", 20),
        ("fcn-batch20-googlenet", 5e-5, 0.9, "mean", 20),
        ("fcn-release-alexnet", 1e-4, 0.9, "mean", 20),
    ],
)
def test_presets_are_what_the_authors_did(
    preset: str, rate: float, momentum: float, loss: str, images: int
) -> None:
    recipe = PLAIN.override(["steps=7", f"preset={preset}"])
    assert (recipe.learning_rate, recipe.head_learning_rate) == (rate, rate)
    assert (recipe.momentum, recipe.loss) == (momentum, loss)
    assert recipe.batch_size * recipe.accumulate == images
    assert (recipe.double_bias_rate, recipe.decay_biases, recipe.weight_decay) == (True, False, 5e-4)
    assert {schedule(step, recipe) for step in range(7)} == {1.0}, "rates are fixed"


def test_what_is_set_beside_a_preset_counts_and_every_preset_is_sound() -> None:
    assert PLAIN.override(["momentum=0.5", "preset=fcn-online-8s"]).momentum == 0.5
    for name in PRESETS:
        assert PLAIN.override([f"preset={name}"]).faults() == []
    with pytest.raises(TrainingError, match=r"preset must be one of fcn-online-32s, .*, got \"fcn\""):
        PLAIN.override(["preset=fcn"])


def test_a_recipe_survives_json() -> None:
    recipe = PLAIN.override(["scale=0.5,2"])
    assert Recipe.from_dict(json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe


def test_a_recipe_of_another_version_names_the_unknown_field() -> None:
    with pytest.raises(TrainingError, match="does not know: colour_space"):
        Recipe.from_dict({"name": "x", "data": "y", "colour_space": "lab"})


def test_a_recipe_without_the_fields_it_needs_names_them() -> None:
    with pytest.raises(TrainingError, match="lacks data"):
        Recipe.from_dict({"name": "x"})


def test_every_recipe_is_sound_and_has_a_header() -> None:
    assert {"people_and_animals", "finetune"} <= set(recipe_names())
    for name in recipe_names():
        recipe = get_recipe(name)
        assert recipe.name == name
        assert recipe.faults() == []


def test_a_wrong_recipe_name_lists_the_recipes() -> None:
    with pytest.raises(TrainingError, match=r"recipes: .*finetune, .*people_and_animals"):
        get_recipe("voc")
