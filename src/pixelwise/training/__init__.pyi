"""Fitting a net to labelled images."""

from .chain import Chain
from .recipe import Recipe

__all__ = ["Chain", "Recipe"]
