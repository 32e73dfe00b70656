"""Settings that the net of a recipe does not take are named."""

import pytest

from pixelwise.recipes import get_recipe, recipe_names
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.ignored_settings import ignored
from pixelwise.training.stages import Chain


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ([], None),
        (["net=skip_fcn", "backbone=resnet50", "skips=none"], None),
        (["net=skip_fcn", "padding=release"], "net=skip_fcn ignores padding=release; it takes backbone, "),
        (["net=fcn8s-vgg16", "padding=release", "upsampling=learned"], None),
        (
            ["net=fcn8s-vgg16", "backbone=resnet50", "output_stride=8", "skips=none", "batch_norm=train"],
            "net=fcn8s-vgg16 ignores backbone=resnet50, output_stride=8, skips=none, batch_norm=train; "
            "it takes dropout, upsampling, padding, origin",
        ),
        (
            ["net=deeplab-large-fov", "upsampling=learned", "padding=release", "pools=exact"],
            "net=deeplab-large-fov ignores upsampling=learned, padding=release; it takes dropout, pools",
        ),
    ],
)
def test_settings_that_the_net_does_not_take_are_named(settings: list[str], told: str | None) -> None:
    found = ignored(Recipe("r", "folder:x").override([*settings, "backbone_weights=none"]))
    assert found == told if told is None else found is not None and found.startswith(told)


def test_no_recipe_sets_what_its_net_ignores() -> None:
    recipes = [get_recipe(name) for name in recipe_names()]
    stages = [stage for each in recipes for stage in (each.stages if isinstance(each, Chain) else (each,))]
    assert len(stages) > len(recipes) > 10
    assert [(stage.name, told) for stage in stages if (told := ignored(stage))] == []
