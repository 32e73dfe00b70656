"""Changes of nets: fully convolutional, atrous, decimated, transplanted."""

from .border_rows import narrow_borders
from .decimation import decimate
from .fully_convolutional import convolutionalize
from .hole_algorithm import atrous, rarefy
from .stitching import shift_and_stitch
from .weight_transplant import transplant

__all__ = [
    "atrous",
    "convolutionalize",
    "decimate",
    "narrow_borders",
    "rarefy",
    "shift_and_stitch",
    "transplant",
]
