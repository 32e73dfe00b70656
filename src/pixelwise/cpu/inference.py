"""Convert nets to a form for fast inference on the CPU: the same scores up to rounding, no gradients.

In float32, convolutions of stride 1 become compiled ones (cpp/conv/convolution.hpp), each with the ReLU and
the max pooling that follow. Large 1x1 convolutions become matrix products, so that torch need not reorder
their weights. In bfloat16, which is faster on processors with such arithmetic, convolutions are torch's, and
other layers run under torch's autocast; upsampling stays in float32.
"""

import itertools
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from pixelwise import _core
from pixelwise.core.precision import for_net as precision_of_net
from pixelwise.models.layers.frozen_batch_norm import fold_batch_norm
from pixelwise.models.layers.plain_convolution import is_plain_convolution
from pixelwise.models.surgery.border_rows import narrow_borders
from pixelwise.models.trunks.trunk import Trunk

Net = TypeVar("Net", bound=nn.Module)

KERNELS = (3, 4, 5, 6, 7)
CHANNELS, FEW_CHANNELS = 32, 8
"""The channels of compiled convolutions are multiples of the first, or at most the second as input."""
LARGE_PRODUCT = 1 << 20
"""With at least this many weights a 1x1 convolution is faster as a matrix product."""


def for_inference(net: Net, precision: str = "float32") -> Net:
    """The net, changed in place. It must be in evaluation mode on the CPU; afterwards it cannot be trained or
    saved.

    float32 takes more memory: 3x3 filters grow sevenfold, 7x7 filters by a third.
    """
    if net.training:
        raise ValueError("expected a net in evaluation mode: call net.eval() first")
    precision = precision_of_net(precision)
    fold_batch_norm(net)
    narrow_borders(net)
    net = net.requires_grad_(False).to(memory_format=torch.channels_last)
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    if precision == "bfloat16":
        for conv in convolutions:
            conv.to(torch.bfloat16).register_forward_pre_hook(_halve)
        # Linear layers would refuse maps in bfloat16, and response normalisation cannot compute in it.
        net.forward = _under_autocast(net.forward)
        return net
    for parent in list(net.modules()):
        for name, layer in list(parent.named_children()):
            if not is_plain_convolution(layer):
                continue
            if _has_compiled_form(layer):
                setattr(parent, name, _fused(parent, name, layer))
            elif is_large_product(layer):
                setattr(parent, name, Product(layer))
    return net


class CompiledConv2d(nn.Module):
    """A convolution, a ReLU if `rectified`, and a 2x2 max pooling, rounded up at the border, if `pooled`.

    (N, C, H, W) float32 on the CPU, best in channels_last. The weights are a copy.
    """

    def __init__(self, conv: nn.Conv2d, rectified: bool = False, pooled: bool = False) -> None:
        super().__init__()
        bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias
        self.out_channels = conv.out_channels
        self.convolution = _core.Convolution(
            conv.weight.detach().contiguous().numpy(),
            bias.detach().contiguous().numpy(),
            int(conv.padding[0]),
            conv.dilation[0],
            rectified,
            pooled,
            torch.get_num_threads(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        images = x.permute(0, 2, 3, 1).contiguous().numpy()
        height, width = (self.convolution.length(size) for size in images.shape[1:3])
        # NumPy asks the system for large pages, which are several times faster to allocate than small ones.
        out = np.empty((len(images), height, width, self.out_channels), np.float32)
        self.convolution.run(images, out, torch.get_num_threads())
        return torch.from_numpy(out).permute(0, 3, 1, 2)


class Product(nn.Module):
    """A 1x1 convolution as a matrix product."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight.flatten(1), conv.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x.permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)


def _halve(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (inputs[0].to(torch.bfloat16),)


def _under_autocast(forward: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """The function under an autocast of its own in each call, since several threads may call it."""

    def computed(image: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return forward(image)

    return computed


def has_window(layer: nn.Conv2d) -> bool:
    """Whether the layer's filter size, stride and padding are supported by compiled convolutions."""
    return (
        layer.kernel_size[0] in KERNELS
        and layer.kernel_size[0] == layer.kernel_size[1]
        and layer.stride == (1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
        and layer.padding[0] == layer.padding[1]
        and layer.dilation[0] == layer.dilation[1]
    )


def _has_compiled_form(layer: nn.Conv2d) -> bool:
    few = layer.in_channels <= FEW_CHANNELS and layer.dilation == (1, 1)
    fitting = (few or layer.in_channels % CHANNELS == 0) and layer.out_channels % CHANNELS == 0
    return has_window(layer) and fitting


def is_large_product(layer: nn.Conv2d) -> bool:
    return (
        layer.kernel_size == (1, 1)
        and layer.stride == (1, 1)
        and layer.groups == 1
        and layer.padding == (0, 0)
        and layer.weight.numel() >= LARGE_PRODUCT
    )


def _fused(parent: nn.Module, name: str, conv: nn.Conv2d) -> CompiledConv2d:
    """The convolution merged with the layers that follow it, which are removed."""
    behind = followers(parent, name)
    rectified = bool(behind) and isinstance(parent.get_submodule(behind[0]), nn.ReLU)
    pooled = rectified and len(behind) > 1 and conv.kernel_size[0] % 2 == 1 and conv.dilation == (1, 1)
    pooled = pooled and conv.in_channels > FEW_CHANNELS and _take_pooling(parent, behind[1])
    if rectified:
        setattr(parent, behind[0], nn.Identity())
    return CompiledConv2d(conv, rectified, pooled)


def followers(parent: nn.Module, name: str) -> list[str]:
    """The layers that follow one, as long as no other layer uses their input."""
    if not isinstance(parent, Trunk | nn.Sequential):
        return []
    names = [child for child, _ in parent.named_children()]
    taps = parent.taps if isinstance(parent, Trunk) else ()
    row = names[names.index(name) :]
    return [
        behind for _, behind in itertools.takewhile(lambda two: two[0] not in taps, itertools.pairwise(row))
    ]


def _take_pooling(parent: nn.Module, name: str) -> bool:
    """Whether the layer is, or starts with, a 2x2 max pooling of stride 2, rounded up at the border; if so,
    the pooling is removed.
    """
    layer = parent.get_submodule(name)
    pooling, *rest = layer if isinstance(layer, nn.Sequential) else [layer]
    if not isinstance(pooling, nn.MaxPool2d) or not pooling.ceil_mode:
        return False
    if (pooling.kernel_size, pooling.stride, pooling.padding, pooling.dilation) != (2, 2, 0, 1):
        return False
    setattr(parent, name, nn.Sequential(*rest))
    return True
