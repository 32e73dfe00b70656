"""Metrics for label maps, and the evaluation of a predictor on a data set."""

from pixelwise.core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
