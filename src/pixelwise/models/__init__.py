"""Networks by name, and tools that make classifiers fully convolutional."""

from pixelwise.core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
