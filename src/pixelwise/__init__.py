"""Pixelwise: a label for every pixel.

>>> predictor = pixelwise.load("default")
>>> result = predictor("photo.jpg")
>>> result.labels, result.areas(), result.overlay()
"""

import lazy_loader

__version__ = "0.2.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
