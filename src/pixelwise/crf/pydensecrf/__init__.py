"""A drop-in for pydensecrf: change `import pydensecrf.densecrf` to `import
pixelwise.crf.pydensecrf.densecrf`.

The same calls give the same numbers (to 1e-4, if the number of pixels is a multiple of 4, to which pydensecrf
pads its features with zeros), in threads and without holding the GIL. Calls that crash pydensecrf, or give
nonsense, raise ValueError here. New code should use pixelwise.crf itself.
"""

from pixelwise.core.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
