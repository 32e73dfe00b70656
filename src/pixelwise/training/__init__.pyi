"""Fitting a net to labelled images."""

from .recipe import Recipe
from .stages import Chain

__all__ = ["Chain", "Recipe"]
