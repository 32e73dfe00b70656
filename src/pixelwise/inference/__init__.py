"""Segment pictures: read, score, refine and save. Only the torch engine imports torch."""

from pixelwise.core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
