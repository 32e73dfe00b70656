"""The networks."""

from .deeplab import DeepLab
from .fcn import FCN
from .segmentation_net import SegmentationNet
from .skip_fcn import SkipFCN

__all__ = ["FCN", "DeepLab", "SegmentationNet", "SkipFCN"]
