"""Parameter groups, schedule, running mean."""

import dataclasses

import pytest
import torch
from torch import nn

from pixelwise.training.optimizer import RunningMean, make_optimizer, schedule, set_rates
from pixelwise.training.recipe import Recipe

RECIPE = Recipe(name="r", data="d", learning_rate=1.0, head_learning_rate=10.0, weight_decay=0.5, steps=100)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Conv2d(1, 1, 1)
        self.score = nn.Conv2d(1, 1, 1)
        self.fixed = nn.Parameter(torch.zeros(1, 1), requires_grad=False)


def rates(recipe: Recipe) -> dict[str, tuple[float, float]]:
    net = Net()
    groups = make_optimizer(net, recipe).param_groups
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    return {names[id(p)]: (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}


def test_trunk_head_and_biases_have_their_own_rates() -> None:
    assert rates(RECIPE) == {
        "backbone.weight": (1.0, 0.5),
        "backbone.bias": (1.0, 0.0),
        "score.weight": (10.0, 0.5),
        "score.bias": (10.0, 0.0),
    }
    fcn = dataclasses.replace(RECIPE, double_bias_rate=True, decay_biases=True, optimizer="sgd")
    assert rates(fcn)["score.bias"] == (20.0, 0.5)


def test_head_layers_can_be_named() -> None:
    named = dataclasses.replace(RECIPE, head_layers=("score.b", "fc8"))
    assert rates(named)["score.weight"][0] == rates(named)["backbone.weight"][0] == 1.0
    assert rates(named)["score.bias"][0] == 10.0


def test_schedule_warms_up_and_falls_to_zero() -> None:
    recipe = dataclasses.replace(RECIPE, warmup_steps=9, power=1.0)
    assert schedule(0, recipe) == pytest.approx(1 / 10)
    assert schedule(50, recipe) == pytest.approx(0.5)
    assert schedule(100, recipe) == 0
    optimizer = make_optimizer(Net(), recipe)
    set_rates(optimizer, 0.5)
    assert sorted({group["lr"] for group in optimizer.param_groups}) == [0.5, 5.0]


def test_running_mean_follows_with_its_decay() -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    mean = RunningMean(net, decay=0.5)
    nn.init.ones_(net.weight)
    mean.update(net, step=100)
    assert mean.tensors["weight"].item() == pytest.approx(0.5)
    mean.update(net, step=101)
    assert mean.tensors["weight"].item() == pytest.approx(0.75)


def test_early_weights_are_forgotten_soon() -> None:
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    mean = RunningMean(net, decay=0.999)
    nn.init.ones_(net.weight)
    mean.update(net, step=0)
    assert mean.tensors["weight"].item() == pytest.approx(1 - 1 / 10)
