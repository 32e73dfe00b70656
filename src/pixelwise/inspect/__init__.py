"""Inspect a net: its layers, and a drawing of them."""

from pixelwise.core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
