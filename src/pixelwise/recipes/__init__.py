"""Recipes by name: each is a module with a RECIPE and a header that says what it cost and gave."""

import importlib
import pkgutil
from typing import TYPE_CHECKING

from pixelwise.errors import TrainingError

if TYPE_CHECKING:
    from pixelwise.training.chain import Chain
    from pixelwise.training.recipe import Recipe

__all__ = ["get_recipe", "recipe_names"]


def recipe_names() -> list[str]:
    """All recipes, in the alphabet's order."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get_recipe(name: str) -> "Recipe | Chain":
    """The recipe or chain of recipes of that name. Raises TrainingError that lists the names there are."""
    if name not in recipe_names():
        raise TrainingError(f'there is no recipe "{name}"', f"recipes: {', '.join(recipe_names())}")
    recipe: Recipe | Chain = importlib.import_module(f"{__name__}.{name}").RECIPE
    return recipe
