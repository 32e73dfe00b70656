"""Losses by name. `register` adds one of your own, which a recipe's `losses` can then name.

A loss takes `scores` (N, C, H, W), `labels` (N, H, W) with VOID, and the classes' `weights` (C) or None. It
returns the total over the labelled pixels of the batch, which the training divides by the labelled pixels of
a whole step: of all its batches, in all processes. A loss that judges regions and not pixels returns its
value times the number of labelled pixels, so that a batch counts by its labelled pixels. If a step has
several batches (accumulate, several processes), its loss is then the mean over batches, not the loss of one
large batch.
"""

import importlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Loss = Callable[["torch.Tensor", "torch.Tensor", "torch.Tensor | None"], "torch.Tensor"]

_SHIPPED = ("cross_entropy", "focal", "dice", "lovasz", "ohem")
"""Each is a module beside this one, imported when it is asked for."""
_OF_BATCHES = ("dice", "lovasz", "ohem")
"""Those whose value for two batches together is not the sum of their values."""
_REGISTERED: dict[str, Loss] = {}


def register(name: str) -> Callable[[Loss], Loss]:
    """A decorator that makes a function a loss by this name. Raises ValueError for a name that is not an
    identifier or that another loss has.
    """
    if not name.isidentifier():
        raise ValueError(f"expected letters, digits and _ as the name of a loss, got {name!r}")

    def add(loss: Loss) -> Loss:
        shipped = name in _SHIPPED and getattr(loss, "__module__", "").startswith("pixelwise.")
        if name in _REGISTERED or (name in _SHIPPED and not shipped):
            raise ValueError(f'there is already a loss "{name}"; choose another name')
        _REGISTERED[name] = loss
        return loss

    return add


def list_losses() -> list[str]:
    """The names that `parse` knows."""
    return [*_SHIPPED, *(name for name in _REGISTERED if name not in _SHIPPED)]


def parse(text: str) -> list[tuple[float, str]]:
    """The weights and names of a sum as "cross_entropy+0.5*lovasz". Raises ValueError with the reason."""
    terms = []
    for term in text.split("+"):
        first, star, second = term.partition("*")
        name, factor = (second.strip(), first.strip()) if star else (first.strip(), "1")
        if name not in list_losses():
            known = ", ".join(list_losses())
            raise ValueError(f"there is no loss {name[:40]!a}, expected a sum of {known}")
        try:
            weight = float(factor)
        except ValueError:
            weight = math.nan
        if not 0 < weight <= 1e6:
            raise ValueError(f"{name} needs a weight above 0 and at most 1,000,000, got {factor[:40]!a}")
        terms.append((weight, name))
    return terms


def of_batches(text: str) -> list[str]:
    """The losses that ship and judge a batch as a whole, among those of a sum. Raises ValueError as `parse`
    does.
    """
    return [name for _, name in parse(text) if name in _OF_BATCHES]


def total_loss(text: str) -> Loss:
    """The loss that is this sum. Raises ValueError as `parse` does."""
    terms = [(weight, _loss(name)) for weight, name in parse(text)]

    def total(
        scores: "torch.Tensor", labels: "torch.Tensor", weights: "torch.Tensor | None"
    ) -> "torch.Tensor":
        (first_weight, first), *others = terms
        found = first(scores, labels, weights) * first_weight
        for weight, loss in others:
            found = found + weight * loss(scores, labels, weights)
        return found

    return total


def _loss(name: str) -> Loss:
    if name not in _REGISTERED:
        importlib.import_module(f"{__package__}.{name}")
    return _REGISTERED[name]
