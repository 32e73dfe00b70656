"""The fully connected CRF of Krähenbühl and Koltun, by filtering on permutohedral lattices.

>>> q = refine(image, probabilities)
>>> q = mean_field(unary, [Gaussian(3, weight=3), Bilateral(image, 80, 13, weight=10)])
"""

from importlib.util import find_spec

from pixelwise.core.lazy import attach

__getattr__, _, __all__ = attach(__name__, __file__)
if find_spec("torch") is None:  # the base install: `import *` and help() do without the layer
    __all__.remove("CRFLayer")


def __dir__() -> list[str]:
    return list(__all__)
