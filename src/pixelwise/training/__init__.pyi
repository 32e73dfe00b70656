"""Fitting a net to labelled images."""

from . import losses
from .recipe import Recipe
from .stages import Chain

__all__ = ["Chain", "Recipe", "losses"]
