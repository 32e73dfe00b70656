"""Nets in the form that trains fastest on the processor: the same parameters under the same names, the same
function and gradients to rounding.

Convolutions of stride 1 in float32 become compiled ones (cpp/winograd.hpp), forward and backward, each with
the ReLU that follows.
"""

from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from pixelwise import _core
from pixelwise.models.fast import CHANNELS, followers, has_compiled_form

Net = TypeVar("Net", bound=nn.Module)


def for_training(net: Net, device: torch.device) -> Net:
    """The net, changed in place if the device on which it will learn is the CPU; its state dict stays as it
    is. In other precisions than float32 it works as before.
    """
    if device.type != "cpu":
        return net
    for parent in list(net.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Conv2d) and _pays(layer):
                behind = followers(parent, name)
                rectified = bool(behind) and isinstance(parent.get_submodule(behind[0]), nn.ReLU)
                if rectified:
                    setattr(parent, behind[0], nn.Identity())
                setattr(parent, name, TrainedConv2d(layer, rectified))
    return net


class TrainedConv2d(nn.Conv2d):
    """A convolution, and a ReLU if `rectified`, with the very parameters of another; compiled for float32 on
    the CPU.
    """

    def __init__(self, conv: nn.Conv2d, rectified: bool) -> None:
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            (conv.kernel_size[0], conv.kernel_size[1]),
            padding=(int(conv.padding[0]), int(conv.padding[1])),
            dilation=(conv.dilation[0], conv.dilation[1]),
            bias=conv.bias is not None,
            device="meta",
        )
        conv.weight.data = conv.weight.data.contiguous()  # the order in which they are read
        self.weight, self.bias, self.rectified = conv.weight, conv.bias, rectified

    def _conv_forward(
        self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        ours = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32
        if ours and not torch.is_autocast_enabled("cpu"):
            if bias is None:
                bias = weight.new_zeros(self.out_channels)
            padding, dilation = int(self.padding[0]), self.dilation[0]
            result: torch.Tensor = _Convolution.apply(x, weight, bias, padding, dilation, self.rectified)
            return result
        result = super()._conv_forward(x, weight, bias)
        return torch.relu_(result) if self.rectified else result


class _Convolution(torch.autograd.Function):
    """Compiled convolution of (N, C, H, W), best in channels_last, with bias and perhaps ReLU."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: torch.autograd.function.FunctionCtx,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        padding: int,
        dilation: int,
        rectified: bool,
    ) -> torch.Tensor:
        reach = dilation * (weight.shape[2] - 1) - 2 * padding
        out = _empty(len(x), len(weight), x.shape[2] - reach, x.shape[3] - reach)
        kernels = weight.contiguous().numpy()
        threads = torch.get_num_threads()
        _core.convolve(_pixels(x), kernels, bias.numpy(), padding, dilation, rectified, _pixels(out), threads)
        ctx.save_for_backward(x, weight, out if rectified else None)
        ctx.window = padding, dilation  # type: ignore[attr-defined]
        return out

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx, gradient):  # type: ignore[no-untyped-def, override]
        x, weight, result = ctx.saved_tensors
        padding, dilation = ctx.window
        threads = torch.get_num_threads()
        if result is not None:
            gradient = torch.ops.aten.threshold_backward(gradient, result, 0)
        pixels = _pixels(gradient)
        to_x = to_weight = to_bias = None
        if ctx.needs_input_grad[0]:
            to_x = _empty(*x.shape)
            _core.convolve_back(pixels, weight.contiguous().numpy(), padding, dilation, _pixels(to_x), threads)
        if ctx.needs_input_grad[1]:
            to_weight = torch.empty(weight.shape)
            _core.correlate(_pixels(x), pixels, padding, dilation, to_weight.numpy(), threads)
        if ctx.needs_input_grad[2]:
            to_bias = gradient.sum((0, 2, 3))
        return to_x, to_weight, to_bias, None, None, None


def _empty(images: int, channels: int, height: int, width: int) -> torch.Tensor:
    """(N, C, H, W) in channels_last. NumPy asks the system for large pages, which it gives several times
    faster than small ones.
    """
    memory = torch.from_numpy(np.empty(images * channels * height * width, np.float32)).untyped_storage()
    strides = (channels * height * width, 1, channels * width, channels)
    return torch.empty(0).set_(memory, 0, (images, channels, height, width), strides)


def _pixels(x: torch.Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """(N, C, H, W) as (N, H, W, C)."""
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = (
        x.detach().permute(0, 2, 3, 1).contiguous().numpy()
    )
    return pixels


def _pays(conv: nn.Conv2d) -> bool:
    reach = (conv.kernel_size[0] - 1) * conv.dilation[0]
    return (
        has_compiled_form(conv) and conv.in_channels % CHANNELS == 0 and int(conv.padding[0]) <= reach
    )
