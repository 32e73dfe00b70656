"""Recipes by name. The header of each states its source, command, cost and result.

A module here holds one recipe, `RECIPE`, with its header as docstring, or a family: `FAMILY`, a tuple of
entries (entry.py).
"""

import functools
import importlib
import pkgutil
from typing import TYPE_CHECKING

from pixelwise.core.errors import TrainingError, extras_named

if TYPE_CHECKING:
    from pixelwise.recipes.entry import Entry
    from pixelwise.training.recipe import Recipe
    from pixelwise.training.stages import Chain

__all__ = ["get_entry", "get_recipe", "recipe_names"]


def recipe_names() -> list[str]:
    """The names of all recipes, in alphabetical order."""
    return sorted(_entries())


def get_recipe(name: str) -> "Recipe | Chain":
    """The recipe or chain of recipes of that name. Raises TrainingError that lists all names."""
    return get_entry(name).recipe


def get_entry(name: str) -> "Entry":
    """The recipe of that name with its header. Raises TrainingError that lists all names."""
    if name not in _entries():
        raise TrainingError(f'there is no recipe "{name}"', f"recipes: {', '.join(recipe_names())}")
    return _entries()[name]


@functools.cache
@extras_named()
def _entries() -> "dict[str, Entry]":
    from pixelwise.recipes.entry import Entry

    found: dict[str, Entry] = {}
    for place in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{place.name}")
        family = getattr(module, "FAMILY", ())
        if hasattr(module, "RECIPE"):
            family = (Entry(module.RECIPE, module.__doc__ or ""),)
        found |= {entry.recipe.name: entry for entry in family}
    return found
