"""Frozen batch normalisation, folded into the weights of convolutions in every step.

With fixed statistics BatchNorm(conv(x)) is a convolution with scaled weights and a bias. Computing these in
every step gives exactly the function and gradients of BatchNorm in evaluation mode, without its passes over
the activations.
"""

from collections.abc import Mapping

import torch
from torch import nn

from pixelwise.models.layers.plain_convolution import is_plain_convolution


class FrozenBatchNormConv2d(nn.Module):
    """A convolution followed by batch normalisation with fixed statistics; scale and shift are trained."""

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        mean, variance = _statistics(norm)
        self.conv = conv
        self.scale, self.shift, self.eps = norm.weight, norm.bias, norm.eps
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", variance)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.effective()
        result: torch.Tensor = self.conv._conv_forward(x, weight, bias)
        return result

    def effective(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of the equivalent convolution."""
        gain = self.scale * torch.rsqrt(self.running_var + self.eps)
        bias = self.shift - self.running_mean * gain
        if self.conv.bias is not None:
            bias = bias + self.conv.bias * gain
        return self.conv.weight * gain[:, None, None, None], bias

    def unfolded(self, weight: torch.Tensor, bias: torch.Tensor) -> dict[str, torch.Tensor]:
        """The state with which `effective` gives this weight (O, I, h, w) and bias (O,). Statistics and the
        convolution's own bias stay, and so does the scale, except where it is close to 0.
        """
        largest = self.scale.abs().max()
        scale = torch.where(self.scale.abs() > 1e-3 * largest, self.scale, largest.clamp(min=1e-3))
        gain = scale * torch.rsqrt(self.running_var + self.eps)
        shift = bias + self.running_mean * gain
        if self.conv.bias is not None:
            shift = shift - self.conv.bias * gain
        state = {"conv.weight": weight / gain[:, None, None, None], "scale": scale, "shift": shift}
        if self.conv.bias is not None:
            state["conv.bias"] = self.conv.bias
        return state | {"running_mean": self.running_mean, "running_var": self.running_var}


class FrozenBatchNorm2d(nn.Module):
    """Batch normalisation with fixed statistics that does not follow a convolution."""

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        mean, variance = _statistics(norm)
        self.scale, self.shift, self.eps = norm.weight, norm.bias, norm.eps
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", variance)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gain, shift = self.effective()
        return x * gain[:, None, None] + shift[:, None, None]

    def effective(self) -> tuple[torch.Tensor, torch.Tensor]:
        """What each channel is multiplied by, and what is added."""
        gain = self.scale * torch.rsqrt(self.running_var + self.eps)
        return gain, self.shift - self.running_mean * gain

    def unfolded(self, gain: torch.Tensor, offset: torch.Tensor) -> dict[str, torch.Tensor]:
        """The state with which `effective` gives these; the statistics stay."""
        scale, shift = gain * torch.sqrt(self.running_var + self.eps), offset + self.running_mean * gain
        statistics = {"running_mean": self.running_mean, "running_var": self.running_var}
        return {"scale": scale, "shift": shift, **statistics}


class GainAndOffset(nn.Module):
    """A FrozenBatchNorm2d after training: each channel times `gain` plus `offset`, both (C, 1, 1)."""

    def __init__(self, gain: torch.Tensor, offset: torch.Tensor) -> None:
        super().__init__()
        self.gain = nn.Parameter(gain.detach()[:, None, None])
        self.offset = nn.Parameter(offset.detach()[:, None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gain + self.offset


def _statistics(norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("cannot freeze a batch normalisation that keeps no running statistics")
    return norm.running_mean, norm.running_var


def freeze_batch_norm(net: nn.Module, example: torch.Tensor) -> int:
    """Freeze every BatchNorm2d, in place, and fold those that follow a plain convolution into it; returns how
    many there were.

    Which follows which is found by running `example` through the net in evaluation mode. Raises ValueError
    for a normalisation without running statistics.
    """
    names = {module: name for name, module in net.named_modules()}
    # By the tensor's id; the tensor is kept so that no other one gets its id.
    produced: dict[int, tuple[nn.Conv2d, torch.Tensor]] = {}
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def after_conv(module: nn.Module, _: object, output: torch.Tensor) -> None:
        if is_plain_convolution(module):
            produced[id(output)] = module, output

    def before_norm(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in produced:
            pairs.append((produced[id(inputs[0])][0], module))

    hooks = [m.register_forward_hook(after_conv) for m in net.modules() if isinstance(m, nn.Conv2d)]
    hooks += [
        m.register_forward_pre_hook(before_norm) for m in net.modules() if isinstance(m, nn.BatchNorm2d)
    ]
    was_training = net.training
    with torch.no_grad():
        net.eval()(example)
    net.train(was_training)
    for hook in hooks:
        hook.remove()

    for conv, norm in pairs:
        net.set_submodule(names[conv], FrozenBatchNormConv2d(conv, norm))
        net.set_submodule(names[norm], nn.Sequential(*_behind(norm)))
    left = {name: norm for name, norm in net.named_modules() if isinstance(norm, nn.BatchNorm2d)}
    for name, norm in left.items():
        net.set_submodule(name, nn.Sequential(FrozenBatchNorm2d(norm), *_behind(norm)))
    return len(pairs) + len(left)


def has_batch_norm(net: nn.Module) -> bool:
    """Whether any layer normalises over batches, or did so before it was frozen."""
    kinds = (nn.BatchNorm2d, FrozenBatchNormConv2d, FrozenBatchNorm2d)
    return any(isinstance(module, kinds) for module in net.modules())


def _behind(norm: nn.BatchNorm2d) -> list[nn.Module]:
    """The layers of timm's BatchNormAct2d after the normalisation: dropout and activation."""
    return [getattr(norm, part) for part in ("drop", "act") if hasattr(norm, part)]


def fold_batch_norm(net: nn.Module) -> None:
    """Replace every frozen batch normalisation by the equivalent convolution, and those without a convolution
    by a GainAndOffset, in place, after training.
    """
    for name, module in list(net.named_modules()):
        if isinstance(module, FrozenBatchNormConv2d):
            weight, bias = module.effective()
            module.conv.weight, module.conv.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
            net.set_submodule(name, module.conv)
        elif isinstance(module, FrozenBatchNorm2d):
            net.set_submodule(name, GainAndOffset(*module.effective()))


@torch.no_grad()
def unfold_batch_norm(tensors: Mapping[str, torch.Tensor], net: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of a net after `fold_batch_norm`, under the names and in the form from before it. The first
    layer may see another number of channels.
    """
    result = dict(tensors)
    for name, module in net.named_modules():
        gain, offset = tensors.get(f"{name}.gain"), tensors.get(f"{name}.offset")
        if isinstance(module, FrozenBatchNorm2d) and gain is not None and offset is not None:
            if gain.numel() == offset.numel() == module.scale.numel():
                state = module.unfolded(gain.reshape(-1), offset.reshape(-1))
                result |= {f"{name}.{key}": tensor for key, tensor in state.items()}
                del result[f"{name}.gain"], result[f"{name}.offset"]
            continue
        weight, bias = tensors.get(f"{name}.weight"), tensors.get(f"{name}.bias")
        if not isinstance(module, FrozenBatchNormConv2d) or weight is None or bias is None:
            continue
        own = module.conv.weight.shape
        alike = weight.ndim == 4 and (len(weight), *weight.shape[2:]) == (own[0], *own[2:])
        if alike and bias.numel() == len(weight):
            state = module.unfolded(weight, bias.reshape(-1))
            result |= {f"{name}.{key}": tensor for key, tensor in state.items()}
            del result[f"{name}.weight"], result[f"{name}.bias"]
    return result
