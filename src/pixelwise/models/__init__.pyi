"""Networks by name, and the surgery that makes classifiers fully convolutional."""

from .registry import create, list_models, register
from .segmentation_net import SegmentationNet

__all__ = ["SegmentationNet", "create", "list_models", "register"]
