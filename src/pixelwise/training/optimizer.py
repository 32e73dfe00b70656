"""Parameter groups and learning rate schedules."""

from collections.abc import Mapping

import torch
from torch import nn

from pixelwise.core.errors import TrainingError
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.typed_fields import brief

_LEAST_SHARE = 1e-12


def make_optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW or SGD over the trained parameters: backbone and decoder with different learning rates, biases
    with their own rules. Raises TrainingError if the recipe's head_layers name layers that are not trained.
    """
    trained = [name for name, parameter in net.named_parameters() if parameter.requires_grad]
    if unknown := [layer for layer in recipe.head_layers if not any(n.startswith(layer) for n in trained)]:
        raise TrainingError(
            f"no trained layer of {recipe.net} has a name that starts with {', '.join(map(brief, unknown))}",
            f"head_layers: {', '.join(dict.fromkeys(name.split('.')[0] for name in trained))}",
        )
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
        for group in options:
            group["base_momentum"] = recipe.momentum
        return torch.optim.SGD(options, lr=recipe.learning_rate, momentum=recipe.momentum, fused=True)
    return torch.optim.AdamW(options, lr=recipe.learning_rate, fused=True)


def schedule(step: int, recipe: Recipe) -> float:
    """The learning rate of step `step` (the first is 0) relative to its peak: a linear warm-up times the
    recipe's schedule. The schedules are Caffe's learning rate policies.
    """
    warm_up = min(1.0, (step + 1) / (recipe.warmup_steps + 1))
    if recipe.schedule == "fixed":
        return warm_up
    if recipe.schedule == "step":
        return warm_up * float(recipe.decay_factor ** (step // recipe.decay_every))
    return warm_up * float((1 - step / recipe.steps) ** recipe.power)


def below_peak(recipe: Recipe) -> str | None:
    """A note if the warm-up takes at least half of the steps, so that the learning rate stays far below its
    value.
    """
    if recipe.warmup_steps == 0 or 2 * recipe.warmup_steps < recipe.steps:
        return None
    tried = range(0, recipe.steps, max(1, recipe.steps // 1000))
    share = max(schedule(step, recipe) for step in tried)
    if share > 0.9:
        return None
    return (
        f"warmup_steps={recipe.warmup_steps} in {recipe.steps} steps: the learning rate reaches only "
        f"{max(1, round(100 * share))} % of its value; set warmup_steps={recipe.steps // 10}, or more steps"
    )


def set_rates(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Set every group's learning rate to that share of its peak, before a step.

    Caffe's SGD accumulates steps, V = momentum V + rate gradient; torch's accumulates gradients, U = momentum
    U + gradient with V = rate U. They differ when the rate changes: V stays the same only if U is divided by
    the factor of the rate. The momentum of that step is scaled to do this. Shares below 1e-12, which
    change nothing any more, count as 1e-12: otherwise U would grow beyond all floats.
    """
    share = max(share, _LEAST_SHARE)
    for group in optimizer.param_groups:
        before, group["lr"] = group["lr"], group["peak_lr"] * share
        if "base_momentum" in group:
            change = before / group["lr"] if 0 < group["lr"] != before else 1.0
            group["momentum"] = group["base_momentum"] * change


class RunningMean:
    """The exponential moving average of a net's parameters and buffers; this net is evaluated and exported.

    The decay grows from 0 as (1 + step) / (10 + step) up to its value, so that early weights are forgotten.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Continue from the tensors of an earlier average."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Add the net's state after step `step` (the first is 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        state = net.state_dict()
        floating = [name for name, tensor in self.tensors.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.tensors[n] for n in floating], [state[n] for n in floating], 1 - decay)
        for name in self.tensors.keys() - set(floating):
            self.tensors[name].copy_(state[name])
