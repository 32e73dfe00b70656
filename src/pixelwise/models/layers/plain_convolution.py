"""Tell convolutions that compute only what nn.Conv2d computes from those that do more."""

from typing import TypeGuard

from torch import nn


def is_plain_convolution(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    """Whether a layer is an nn.Conv2d that computes as such.

    Subclasses may do more: timm's Conv2dSame pads by the size of its input, its StdConv2d and ScaledStdConv2d
    normalise their weights first. Such a layer must not be replaced by its weight, bias and padding.
    """
    return isinstance(layer, nn.Conv2d) and type(layer).forward is nn.Conv2d.forward
