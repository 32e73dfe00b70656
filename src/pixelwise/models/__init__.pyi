"""Networks by name, and the surgery that makes classifiers fully convolutional."""

from . import nets, surgery
from .nets.segmentation_net import SegmentationNet
from .registry import create, list_models, register

__all__ = ["SegmentationNet", "create", "list_models", "nets", "register", "surgery"]
