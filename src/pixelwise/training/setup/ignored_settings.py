"""The settings of a recipe that its net does not take."""

import dataclasses

from pixelwise.models.registry import entry_of
from pixelwise.training.setup.recipe_fields import RecipeFields

_OF_NETS = (
    *("backbone", "output_stride", "skips", "context", "rates", "hidden", "dropout", "upsampling"),
    *("batch_norm", "padding", "origin", "pools"),
)
"""The fields that describe a net; each net takes some of them."""


def ignored(recipe: RecipeFields) -> str | None:
    """A note on fields that have other values than by default, but that the net does not take."""
    taken = entry_of(recipe.net).settings
    usual = {field.name: field.default for field in dataclasses.fields(RecipeFields)}
    found = [
        f"{name}={_text(value)}"
        for name in _OF_NETS
        if name not in taken and (value := getattr(recipe, name)) != usual[name]
    ]
    if not found:
        return None
    own = ", ".join(name for name in _OF_NETS if name in taken)
    return f"net={recipe.net} ignores {', '.join(found)}; " + (f"it takes {own}" if own else "it takes none")


def _text(value: object) -> str:
    return (",".join(map(str, value)) or "none") if isinstance(value, tuple) else str(value)
