"""Segment pictures: read, score, refine and save. Only the torch engine imports torch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
