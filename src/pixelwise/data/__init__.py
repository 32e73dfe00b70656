"""Data sets of labelled images. Each source has a module; all return the same type."""

from pixelwise.core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
