"""Compiled inference and training on processors, for those who ask for it."""

from .inference import for_inference
from .training import for_training

__all__ = [
    "for_inference",
    "for_training",
]
