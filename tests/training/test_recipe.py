"""Recipes are typed plain data."""

import dataclasses
import json
import typing

import pytest

from pixelwise.core.errors import TrainingError
from pixelwise.recipes import get_recipe, recipe_names
from pixelwise.training.optimizer import schedule
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.paper_settings import PRESETS
from pixelwise.training.setup.recipe_ranges import RANGES

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
    emptied = changed.override(["classes=none", "skips="])
    assert (emptied.classes, emptied.skips) == (None, ())
    assert changed.override(["skips=none"]).skips == ()
    assert PLAIN.steps != 7


def test_all_faults_of_settings_are_told_at_once() -> None:
    with pytest.raises(TrainingError) as caught:
        PLAIN.override(["stepz=1", "name=mine", "steps=many", "scale=1", "mirror=yes", "crop"])
    for complaint in (
        'no field "stepz"',
        'no field "name"',
        "steps must be a whole number, got many",
        "scale must be 2 numbers separated by commas, got 1",
        "mirror must be true or false, got yes",
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
    field, _, value = setting.partition("=")
    with pytest.raises(TrainingError, match=f"{field} must be {expected}, got {value}\n"):
        PLAIN.override([setting])


def test_optional_fields_may_be_none() -> None:
    assert PLAIN.override(["jitter=32"]).jitter == 32
    assert PLAIN.override(["jitter=32"]).override(["jitter=none"]).jitter is None


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("scale=2,1", "LOW <= HIGH"),
        ("optimizer=adam", 'optimizer must be "adamw" or "sgd"'),
        ("ema=1", "ema must be at least 0 and below 1, got 1.0"),
        ("output_stride=4", "output_stride must be 8 or 16 or 32, got 4"),
        ("skips=32,16", "skips must be 2 or 4 or 8 or 16, got 32"),
        ("batch_size=0", "batch_size must be at least 1 and at most 4,096, got 0"),
        (
            "batch_size=4096",
            r"at most 268,435,456 pixels together, got 422,[0-9]+,[0-9]+ from batch_size=4096",
        ),
        ("output_stride=8", "skips must not be above output_stride 8, got"),
        ("loss_sampling=0", "loss_sampling must be at least 0.001 and at most 1, got 0.0"),
        ("padding=valid", 'padding must be "same" or "release"'),
        ("inputs=depth,image", "inputs must name image first, if they are several, got depth,image"),
        ("inputs=depth,hha", "inputs must name image first, if they are several, got depth,hha"),
        ("inputs=hha,image", "inputs must name image first, if they are several, got hha,image"),
        ("precision=16-true", 'precision is one of auto, float32, bfloat16, float16, got "16-true"'),
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
    assert {"voc", "finetune"} <= set(recipe_names())
    for name in recipe_names():
        recipe = get_recipe(name)
        assert recipe.name == name
        assert recipe.faults() == []


def test_a_wrong_recipe_name_lists_the_recipes() -> None:
    with pytest.raises(TrainingError, match=r"recipes: .*finetune, .*voc"):
        get_recipe("vox")


def numeric_fields() -> list[str]:
    kinds = typing.get_type_hints(Recipe)
    chosen = {"output_stride", "skips"}  # from a few values, which faults.py lists
    return [name for name, kind in kinds.items() if {int, float} & parts_of(kind) and name not in chosen]


def parts_of(kind: object) -> set[object]:
    return {kind}.union(*map(parts_of, typing.get_args(kind)))


def test_every_number_has_a_range_and_its_default_lies_inside() -> None:
    assert len(numeric_fields()) > 25
    assert set(numeric_fields()) <= set(RANGES)


@pytest.mark.parametrize("field", numeric_fields())
@pytest.mark.parametrize(
    "value", ["nan", "inf", "-inf", "1e300", "-1", "-1e-300", "1" + "0" * 30, "9" * 5000]
)
def test_absurd_numbers_are_refused_with_field_value_and_range(field: str, value: str) -> None:
    given = f"{value},{value}" if field == "scale" else value
    with pytest.raises(TrainingError) as caught:
        PLAIN.override([f"{field}={given}"])
    text = caught.value.message
    assert f"{field} must be " in text or f"{field}={value[:50]}" in text
    assert len(text) < 400


@pytest.mark.parametrize("field", [name for name in numeric_fields() if name not in ("rates", "scale")])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 10**400])
def test_absurd_numbers_in_a_file_are_refused_like_those_of_settings(field: str, value: float) -> None:
    content = {**dataclasses.asdict(PLAIN), field: value}
    with pytest.raises(TrainingError, match=f"{field} must be (at least|above|a whole number)"):
        Recipe.from_dict(content)


@pytest.mark.parametrize(
    "settings",
    [
        ["loss_sampling=1e-9"],
        ["crop=100000"],
        ["scale=inf,inf"],
        ["scale=nan,1"],
        ["seed=" + "1" + "0" * 30],
        ["learning_rate=nan"],
        ["workers=10000"],
        ["rates=2,0"],
        ["batch_size=4096", "crop=4096"],
        ["steps=99999999999"],
    ],
)
def test_settings_that_would_take_all_memory_or_never_end_are_refused(settings: list[str]) -> None:
    with pytest.raises(TrainingError, match=settings[0].partition("=")[0]):
        PLAIN.override(settings)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("epochs", "steps? (pictures / batch_size of them make an epoch)"),
        ("lr", "learning_rate?"),
        ("LR", "learning_rate?"),
        ("batchsize", "batch_size?"),
        ("learning-rate", "learning_rate?"),
        ("weights", "backbone_weights?"),
        ("stepz", "steps?"),
    ],
)
def test_an_unknown_field_proposes_the_one_that_is_meant(name: str, meant: str) -> None:
    with pytest.raises(TrainingError) as caught:
        PLAIN.override([f"{name}=1"])
    assert f'there is no field "{name}", did you mean {meant}' in caught.value.message


def test_what_no_field_resembles_gets_no_proposal() -> None:
    with pytest.raises(TrainingError) as caught:
        PLAIN.override(["qqq=1"])
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("steps", "many", "steps must be a whole number, got many"),
        ("steps", True, "steps must be a whole number, got True"),
        ("scale", [1.0], r"scale must be 2 numbers separated by commas, got \(1.0,\)"),
        ("data", 3, "data must be text, got 3"),
        ("jitter", [1], "jitter must be a whole number or none"),
        ("mirror", 1, "mirror must be true or false, got 1"),
        ("optimizer", "\x1b[2J", r'optimizer must be .*, got "\\x1b\[2J"'),
        ("data", "folder:a\0b", "data holds a control character"),
        ("ema", float("nan"), "ema must be at least 0 and below 1, got nan"),
    ],
)
def test_a_recipe_read_from_a_file_has_the_declared_types(field: str, value: object, complaint: str) -> None:
    content = {**dataclasses.asdict(PLAIN), field: value}
    with pytest.raises(TrainingError, match=complaint):
        Recipe.from_dict(content)
