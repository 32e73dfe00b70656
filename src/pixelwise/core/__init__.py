"""Classes, errors, files, threads and pictures, for all other packages. It imports no torch and no engine."""

from pixelwise.core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
