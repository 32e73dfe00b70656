"""Convolutions with compiled forward and backward passes, or faster ones of torch.

They share the parameters of the layers that they replace. In other precisions than float32, and on other
devices, they behave like these layers.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from pixelwise import _core
from pixelwise.cpu.inference import CHANNELS

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class _Trained(nn.Conv2d):
    """A convolution that replaces another one and shares its parameters."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            (conv.kernel_size[0], conv.kernel_size[1]),
            (conv.stride[0], conv.stride[1]),
            (int(conv.padding[0]), int(conv.padding[1])),
            (conv.dilation[0], conv.dilation[1]),
            conv.groups,
            bias=conv.bias is not None,
            device="meta",
        )
        self.weight, self.bias = conv.weight, conv.bias


def _is_ours(x: torch.Tensor, weight: torch.Tensor) -> bool:
    ours = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32
    return ours and not torch.is_autocast_enabled("cpu")


def _under_autocast() -> torch.dtype | None:
    """The type of what convolutions give on the CPU under autocast; None without."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None


def filled_up(count: int, step: int) -> int:
    """The next multiple of the step."""
    return -(-count // step) * step


class TrainedConv2d(_Trained):
    """A convolution of stride 1, see cpp/conv/winograd.hpp, and a ReLU if `rectified`."""

    def __init__(self, conv: nn.Conv2d, rectified: bool) -> None:
        super().__init__(conv)
        conv.weight.data = conv.weight.data.contiguous()  # the order in which they are read
        self.rectified = rectified

    def _conv_forward(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if _is_ours(x, weight):
            if bias is None:
                bias = weight.new_zeros(self.out_channels)
            outputs, inputs = (filled_up(channels, CHANNELS) - channels for channels in weight.shape[:2])
            if outputs or inputs:
                x, weight = (
                    F.pad(x, (0, 0, 0, 0, 0, inputs)),
                    F.pad(weight, (0, 0, 0, 0, 0, inputs, 0, outputs)),
                )
                bias = F.pad(bias, (0, outputs))
            padding, dilation = int(self.padding[0]), self.dilation[0]
            found: torch.Tensor = _Convolution.apply(x, weight, bias, padding, dilation, self.rectified)
            return found[:, : self.out_channels] if outputs else found
        result = super()._conv_forward(x, weight, bias)
        return torch.relu_(result) if self.rectified else result


class TrainedDepthwise(_Trained):
    """A depthwise convolution with a compiled gradient of its weights, in bfloat16 under autocast."""

    def _conv_forward(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        ours = _is_ours(x, weight) or (x.device.type == "cpu" and x.dtype == _under_autocast())
        if not (ours and torch.is_grad_enabled() and weight.requires_grad):
            theirs: torch.Tensor = super()._conv_forward(x, weight, bias)
            return theirs
        window = self.stride[0], int(self.padding[0]), self.dilation[0]
        result: torch.Tensor = _Depthwise.apply(x, weight, bias, window)
        return result


class TrainedProduct(_Trained):
    """A 1x1 convolution as a matrix product, whose gradients are faster."""

    def _conv_forward(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if not _is_ours(x, weight):
            theirs: torch.Tensor = super()._conv_forward(x, weight, bias)
            return theirs
        if bias is None:
            bias = weight.new_zeros(self.out_channels)
        result: torch.Tensor = _Product.apply(x, weight, bias)
        return result


class _Convolution(torch.autograd.Function):
    """Compiled convolution of (N, C, H, W), best in channels_last, with bias and perhaps ReLU."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        padding: int,
        dilation: int,
        rectified: bool,
    ) -> torch.Tensor:
        reach = dilation * (weight.shape[2] - 1) - 2 * padding
        out = _channels_last(len(x), len(weight), x.shape[2] - reach, x.shape[3] - reach)
        filters = weight.contiguous().numpy()
        threads = torch.get_num_threads()
        _core.convolve(_pixels(x), filters, bias.numpy(), padding, dilation, rectified, _pixels(out), threads)
        ctx.save_for_backward(x, weight, out if rectified else None)
        ctx.window = padding, dilation
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, result = ctx.saved_tensors
        padding, dilation = ctx.window
        threads = torch.get_num_threads()
        if result is not None:
            gradient = torch.ops.aten.threshold_backward(gradient, result, 0)
        pixels = _pixels(gradient)
        to_x = to_weight = to_bias = None
        if ctx.needs_input_grad[0]:
            to_x = _channels_last(*x.shape)
            _core.convolve_back(
                pixels, weight.contiguous().numpy(), padding, dilation, _pixels(to_x), threads
            )
        if ctx.needs_input_grad[1]:
            to_weight = _empty(weight.shape, weight.contiguous().stride())
            _core.correlate(_pixels(x), pixels, padding, dilation, to_weight.numpy(), threads)
        if ctx.needs_input_grad[2]:
            to_bias = gradient.sum((0, 2, 3))
        return to_x, to_weight, to_bias, None, None, None


class _Depthwise(torch.autograd.Function):
    """torch's depthwise convolution with a compiled gradient of the weights.

    window: stride, padding, dilation. Of maps in bfloat16, what torch is slow at is computed in float32: the
    gradient of the weights, and of the maps if the stride is not 1.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        window: tuple[int, int, int],
    ) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.window = window
        return F.conv2d(x, weight, bias, *window, groups=len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding, dilation = ctx.window
        to_x = to_weight = to_bias = None
        full = gradient.float(), x.float(), weight
        if ctx.needs_input_grad[0]:
            pairs = [[length, length] for length in ctx.window]
            only_x = [True, False, False]
            maps = (gradient, x, weight.to(x.dtype)) if stride == 1 else full
            to_x = torch.ops.aten.convolution_backward(
                *maps, None, *pairs, False, [0, 0], len(weight), only_x
            )[0].to(x.dtype)
        if ctx.needs_input_grad[1]:
            to_weight = torch.empty_strided(weight.shape, weight.stride())
            out, threads = to_weight[:, 0].numpy(), torch.get_num_threads()
            _core.correlate_depthwise(
                _pixels(full[1]), _pixels(full[0]), stride, padding, dilation, out, threads
            )
        if ctx.needs_input_grad[2]:
            to_bias = full[0].sum((0, 2, 3))
        return to_x, to_weight, to_bias, None


class _Product(torch.autograd.Function):
    """1x1 convolution of (N, C, H, W)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        out = _channels_last(len(x), len(weight), x.shape[2], x.shape[3])
        torch.addmm(bias, _rows(x), weight.flatten(1).T, out=_rows(out))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        rows = _rows(gradient)
        to_x = to_weight = to_bias = None
        if ctx.needs_input_grad[0]:
            to_x = _channels_last(*x.shape)
            torch.mm(rows, weight.flatten(1), out=_rows(to_x))
        if ctx.needs_input_grad[1]:
            to_weight = torch.empty_strided(weight.shape, weight.stride())
            torch.mm(rows.T, _rows(x), out=to_weight[:, :, 0, 0])
        if ctx.needs_input_grad[2]:
            to_bias = rows.sum(0)
        return to_x, to_weight, to_bias


def _rows(x: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) as (N * H * W, C)."""
    return x.permute(0, 2, 3, 1).contiguous().flatten(0, 2)


def _channels_last(images: int, channels: int, height: int, width: int) -> torch.Tensor:
    """An empty map (N, C, H, W)."""
    strides = (channels * height * width, 1, channels * width, channels)
    return _empty((images, channels, height, width), strides)


def _empty(shape: Sequence[int], strides: Sequence[int]) -> torch.Tensor:
    """A new tensor, not a view, as autograd requires; NumPy asks the system for large pages."""
    memory = torch.from_numpy(np.empty(math.prod(shape), np.float32)).untyped_storage()
    return torch.empty(0).set_(memory, 0, shape, strides)


def _pixels(x: torch.Tensor) -> Pixels:
    """(N, C, H, W) as (N, H, W, C)."""
    pixels: Pixels = x.detach().permute(0, 2, 3, 1).contiguous().numpy()
    return pixels
