"""A recipe with its header."""

from dataclasses import dataclass

from pixelwise.training.recipe import Recipe
from pixelwise.training.stages import Chain, first_stage

NOT_RUN = "Result: not yet run."


@dataclass(frozen=True)
class Entry:
    """`header` says what the recipe trains, its source with the published figures, its command, what it cost
    and its result, or "not yet run".
    """

    recipe: Recipe | Chain
    header: str


def entry(recipe: Recipe | Chain, title: str, paper: str, *more: str) -> Entry:
    """An entry whose header has these lines and the command that runs the recipe."""
    first = first_stage(recipe)
    specs = {"data": first.data, "val_data": first.val_data}
    settings = "".join(f" --set {field}={spec}" for field, spec in specs.items() if spec is not None)
    lines = (f"{title}.", "", f"Paper: {paper}", f"Command: pixelwise train {recipe.name}{settings}", *more)
    return Entry(recipe, "\n".join(lines))
