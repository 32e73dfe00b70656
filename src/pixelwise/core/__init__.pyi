"""What every part uses: classes, errors, files, threads and pictures. No torch, no engine."""

from .classes import Classes, voc_palette
from .errors import (
    ArgumentError,
    ClusterError,
    DataError,
    ImageError,
    MissingExtraError,
    ModelError,
    PixelwiseError,
    PresetError,
    SplitError,
    TrainingError,
)
from .types import VOID

__all__ = [
    "VOID",
    "ArgumentError",
    "Classes",
    "ClusterError",
    "DataError",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "PixelwiseError",
    "PresetError",
    "SplitError",
    "TrainingError",
    "voc_palette",
]
