"""The fully connected CRF of Krähenbühl and Koltun, by filtering on permutohedral lattices.

>>> q = refine(image, probabilities)
>>> q = mean_field(unary, [Gaussian(3, weight=3), Bilateral(image, 80, 13, weight=10)])
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
