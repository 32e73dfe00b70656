"""Convert nets to a form for fast training on the CPU: the same parameter names, and the same scores and
gradients up to rounding.

In float32, convolutions of stride 1 become compiled ones (cpp/conv/winograd.hpp), forward and backward, each
with the ReLU that follows. Depthwise convolutions get a compiled gradient of their weights
(cpp/learn/learning.hpp), large 1x1 ones become matrix products, and dropout draws its numbers faster.
"""

from typing import TypeVar

import torch
from torch import nn

from pixelwise.cpu.convolution import TrainedConv2d, TrainedDepthwise, TrainedProduct, filled_up
from pixelwise.cpu.dropout import QuickDropout
from pixelwise.cpu.inference import CHANNELS, followers, has_window, is_large_product
from pixelwise.cpu.memory import keep_freed_memory

Net = TypeVar("Net", bound=nn.Module)

MOST_FILLED = 1.7
"""The largest factor by which channels of zeros may increase a compiled convolution's work."""


def for_training(net: Net, device: torch.device) -> Net:
    """The net, changed in place if it will be trained on the CPU; its state dict stays the same. In other
    precisions than float32 it works as before.
    """
    if device.type != "cpu":
        return net
    keep_freed_memory()
    for parent in list(net.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Dropout:
                setattr(parent, name, QuickDropout(layer.p))
            elif type(layer) is nn.Conv2d:
                if _is_compiled(layer):
                    setattr(parent, name, TrainedConv2d(layer, _takes_relu(parent, name)))
                elif _is_depthwise(layer):
                    setattr(parent, name, TrainedDepthwise(layer))
                elif is_large_product(layer):
                    setattr(parent, name, TrainedProduct(layer))
    return net


def _takes_relu(parent: nn.Module, name: str) -> bool:
    """Whether a ReLU follows the layer; if so, that is removed."""
    behind = followers(parent, name)
    found = bool(behind) and isinstance(parent.get_submodule(behind[0]), nn.ReLU)
    if found:
        setattr(parent, behind[0], nn.Identity())
    return found


def _is_compiled(conv: nn.Conv2d) -> bool:
    """Whether it is supported, if necessary with some channels of zeros."""
    if not has_window(conv) or int(conv.padding[0]) > (conv.kernel_size[0] - 1) * conv.dilation[0]:
        return False
    filled = filled_up(conv.in_channels, CHANNELS) * filled_up(conv.out_channels, CHANNELS)
    return filled <= MOST_FILLED * conv.in_channels * conv.out_channels


def _is_depthwise(conv: nn.Conv2d) -> bool:
    return (
        conv.groups == conv.in_channels == conv.out_channels
        and conv.in_channels % 16 == 0
        and conv.kernel_size in ((3, 3), (5, 5))
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
        and all(pair[0] == pair[1] for pair in (conv.stride, conv.padding, conv.dilation))
    )
