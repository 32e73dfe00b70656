"""The hole algorithm: a net's scores at a finer stride, with the same weights.

The stride of a layer becomes 1, and the windows of all later layers are dilated by the old stride. Sources:
Long et al. 2015, section 3.2 (filter rarefaction); Chen et al. 2015, section 3.1.
"""

import copy
import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from pixelwise.models.surgery.tracing import trace
from pixelwise.models.trunks.googlenet import Concatenation
from pixelwise.models.trunks.trunk import side

POINTWISE: tuple[Any, ...] = (
    nn.ReLU,
    nn.ReLU6,
    nn.SiLU,
    nn.Sigmoid,
    nn.Tanh,
    nn.Hardswish,
    nn.Identity,
    nn.Dropout,
    nn.Dropout2d,
    nn.BatchNorm2d,
    nn.LocalResponseNorm,
    Concatenation,
)
POINTWISE_FUNCTIONS: tuple[Any, ...] = (
    operator.add,
    operator.iadd,
    operator.mul,
    operator.getitem,
    torch.add,
    torch.mul,
    torch.cat,
    torch.relu,
    F.relu,
    F.dropout,
    F.batch_norm,
    "add",
    "relu",
    "to",
    "contiguous",
)


def atrous(net: nn.Module, output_stride: int) -> nn.Module:
    """A copy of a fully convolutional net whose output has at most that stride, with the same weights under
    the same names.

    Its cells at multiples of the old stride over the new one are the old net's cells, to rounding, at the
    border too; those between are what the old net gives for a shifted image, away from the border.
    Subsampling goes from the end of the net: with stride 8 of 32, the last two halvings go.
    Raises ValueError for layers whose window cannot be spread: poolings over the whole image, upsampling,
    functions with a window (make them layers), and if the strides on the way do not divide `output_stride`.
    """
    if output_stride < 1:
        raise ValueError(f"the output stride is at least 1, got {output_stride}")
    spread = copy.deepcopy(net)
    graph = trace(spread).graph
    done: set[str] = set()
    # For every map: its stride in pixels, and the number of its cells per cell of the old net.
    maps: dict[fx.Node, tuple[int, int]] = {}
    for node in graph.nodes:
        before = {maps[other] for other in node.all_input_nodes if other in maps}
        if node.op == "placeholder":
            maps[node] = (1, 1)
        if node.op in ("placeholder", "output", "get_attr") or not before:
            continue
        if len(before) > 1:
            raise ValueError(f"{node.target} joins maps of different strides")
        ((stride, rate),) = before
        name = str(node.target)
        layer = spread.get_submodule(name) if node.op == "call_module" else None
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            if name in done:
                raise ValueError(f"{name} is used twice; use a separate layer in each place")
            done.add(name)
            step = side(layer.stride)
            kept = min(step, max(1, output_stride // stride))
            if step % kept or (kept < step and stride * kept < output_stride):
                raise ValueError(
                    f"{name} of stride {step} on a map of stride {stride} cannot give {output_stride}"
                )
            spread.set_submodule(name, _spread(layer, name, kept, rate))
            stride, rate = stride * kept, rate * step // kept
        elif not (isinstance(layer, POINTWISE) if layer is not None else node.target in POINTWISE_FUNCTIONS):
            raise ValueError(f"{node.target} has no atrous form here; the net must be fully convolutional")
        maps[node] = (stride, rate)
    return spread


def rarefy(net: nn.Module) -> nn.Module:
    """As `atrous` to stride 1, but as in the FCN paper: with filters enlarged by zeros instead of dilation.

    It is slow. Its purpose is to show that both are equal.
    """
    enlarged = atrous(net, 1)
    for layer in enlarged.modules():
        if isinstance(layer, nn.Conv2d) and layer.dilation != (1, 1):
            layer.weight = nn.Parameter(rarefied(layer.weight.detach(), side(layer.dilation)))
            layer.kernel_size = (layer.weight.shape[2], layer.weight.shape[3])
            layer.dilation = (1, 1)
    return enlarged


def rarefied(weights: torch.Tensor, rate: int) -> torch.Tensor:
    """(O, I, k, k) to (O, I, k', k'), k' = (k - 1) * rate + 1: f'[i, j] = f[i / rate, j / rate] where rate
    divides both i and j, else 0.
    """
    height, width = ((k - 1) * rate + 1 for k in weights.shape[2:])
    enlarged = weights.new_zeros(*weights.shape[:2], height, width)
    enlarged[..., ::rate, ::rate] = weights
    return enlarged


class AtrousMaxPool2d(nn.Module):
    """Max pooling of stride 1 over every rate-th cell, for a pooling of stride `step` that is rounded up.

    Rounding up adds a window that reaches over the end; here the map is continued, by what never is the
    largest, so far that this window has its cell.
    """

    def __init__(self, kernel: int, step: int, padding: int, rate: int) -> None:
        super().__init__()
        self.kernel, self.step, self.padding, self.rate = kernel, step, padding, rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bottom, right = (self._missing(size) for size in x.shape[-2:])
        before = self.padding * self.rate
        x = F.pad(x, (before, before + right, before, before + bottom), value=float("-inf"))
        return F.max_pool2d(x, self.kernel, 1, 0, self.rate)

    def _missing(self, size: int) -> int:
        cells = -(-size // self.rate)  # of the old net
        windows = -(-(cells + 2 * self.padding - self.kernel) // self.step) + 1
        if (windows - 1) * self.step >= cells + self.padding:
            windows -= 1
        given = size + (2 * self.padding - self.kernel + 1) * self.rate
        return max(0, (windows - 1) * self.step * self.rate + 1 - given)


class AtrousAvgPool2d(nn.Module):
    """The mean of kernel x kernel cells at distance `rate`; zeros around the map count."""

    def __init__(self, kernel: int, stride: int, padding: int, rate: int) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding, self.rate = kernel, stride, padding, rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels = x.shape[1]
        even = x.new_full((channels, 1, self.kernel, self.kernel), 1 / self.kernel**2)
        return F.conv2d(x, even, None, self.stride, self.padding * self.rate, self.rate, channels)


def _spread(layer: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d, name: str, stride: int, rate: int) -> nn.Module:
    """The layer with that stride over maps of which every rate-th cell was there before."""
    kernel, step = layer.kernel_size, side(layer.stride)
    if isinstance(layer, nn.Conv2d):
        if isinstance(layer.padding, str) or (layer.padding_mode != "zeros" and any(layer.padding)):
            raise ValueError(f"{name} pads by {layer.padding_mode}; only zeros can be spread")
        layer.stride = (stride, stride)
        layer.dilation = (layer.dilation[0] * rate, layer.dilation[1] * rate)
        layer.padding = (int(layer.padding[0]) * rate, int(layer.padding[1]) * rate)
        return layer
    if stride == step and rate == 1:
        return layer
    padding = side(layer.padding)
    if isinstance(layer, nn.AvgPool2d):
        if layer.ceil_mode or (padding and not layer.count_include_pad) or layer.divisor_override:
            raise ValueError(f"{name} averages fewer cells at the border, which cannot be spread")
        return AtrousAvgPool2d(side(kernel), stride, padding, rate)
    if side(layer.dilation) != 1:
        raise ValueError(f"{name} is atrous already")
    if layer.ceil_mode and stride == 1:
        return AtrousMaxPool2d(side(kernel), step, padding, rate)
    if layer.ceil_mode:
        raise ValueError(f"{name} is rounded up and keeps a part of its stride")
    if rate == 1:
        return nn.MaxPool2d(side(kernel), stride, padding)
    # torch's own padding may not exceed half the kernel, holes not counted
    around = nn.ConstantPad2d(padding * rate, float("-inf"))
    return nn.Sequential(around, nn.MaxPool2d(side(kernel), stride, dilation=rate))
