"""Parameter groups and the learning rate's course."""

from collections.abc import Mapping

import torch
from torch import nn

from pixelwise.training.recipe import Recipe


def make_optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW or SGD over the learning parameters: trunk and head with their own rates, biases with their own
    rules.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        if not parameter.requires_grad:
            continue
        in_head = name.startswith(recipe.head_layers) if recipe.head_layers else "backbone." not in name
        rate = recipe.head_learning_rate if in_head else recipe.learning_rate
        decay = recipe.weight_decay
        if parameter.ndim == 1:  # biases, and the scale and shift of normalisations
            rate = 2 * rate if recipe.double_bias_rate else rate
            decay = decay if recipe.decay_biases else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    options = [
        {"params": parameters, "lr": rate, "peak_lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(options, lr=recipe.learning_rate, momentum=recipe.momentum, fused=True)
    return torch.optim.AdamW(options, lr=recipe.learning_rate, fused=True)


def schedule(step: int, recipe: Recipe) -> float:
    """The share of its peak rate that step `step` (from 0) learns with: a linear warm-up times (1 -
    step/steps)^power.
    """
    warm_up = min(1.0, (step + 1) / (recipe.warmup_steps + 1))
    return warm_up * float((1 - step / recipe.steps) ** recipe.power)


def set_rates(optimizer: torch.optim.Optimizer, share: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * share


class RunningMean:
    """The exponential running mean of a net's parameters and buffers, the net that is judged and exported.

    The decay grows from 0 as (1 + step) / (10 + step) until it reaches its value, so that early weights are
    forgotten.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on from the tensors of an earlier mean."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Move towards the net's state after step `step` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        state = net.state_dict()
        floating = [name for name, tensor in self.tensors.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.tensors[n] for n in floating], [state[n] for n in floating], 1 - decay)
        for name in self.tensors.keys() - set(floating):
            self.tensors[name].copy_(state[name])
