"""Networks by name, and the surgery that makes classifiers fully convolutional."""

from .segmentation_net import SegmentationNet

__all__ = ["SegmentationNet"]
