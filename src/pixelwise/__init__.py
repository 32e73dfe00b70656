"""Pixelwise: a label for every pixel.

>>> predictor = pixelwise.load("default")
>>> result = predictor("photo.jpg")
>>> result.labels, result.areas(), result.overlay()
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixelwise.inference.predictor import Predictor, load
    from pixelwise.inference.segmentation import Segmentation

__version__ = "0.1.0"
__all__ = ["Predictor", "Segmentation", "__version__", "load"]

_HOMES = {
    "load": "pixelwise.inference.predictor",
    "Predictor": "pixelwise.inference.predictor",
    "Segmentation": "pixelwise.inference.segmentation",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `import pixelwise` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
