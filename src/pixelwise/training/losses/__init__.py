"""Losses of labelled pixels, by name, and which pixels they count."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
