"""The verbs of the command line as functions, for scripts and notebooks."""

from pixelwise.core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
