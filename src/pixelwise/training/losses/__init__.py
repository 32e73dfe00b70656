"""Losses of labelled pixels, by name, and which pixels they count."""

from pixelwise.core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
