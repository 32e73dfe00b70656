"""Parameter groups, schedule, running mean."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from pixelwise.core.errors import TrainingError
from pixelwise.training.optimizer import RunningMean, below_peak, make_optimizer, schedule, set_rates
from pixelwise.training.recipe import Recipe

Array = npt.NDArray[np.float64]

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
    named = dataclasses.replace(RECIPE, head_layers=("score.b",))
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


def caffe_sgd(
    weights: Array, gradients: list[Array], rates: list[float], momentum: float, decay: float
) -> list[Array]:
    """The weights after each step of Caffe's SGD: V = momentum V + rate (gradient + decay W); W = W - V."""
    history, velocity = [], np.zeros_like(weights)
    for gradient, rate in zip(gradients, rates, strict=True):
        velocity = momentum * velocity + rate * (gradient + decay * weights)
        weights = weights - velocity
        history.append(weights)
    return history


@pytest.mark.parametrize(
    "changes", [{"schedule": "step", "decay_every": 5}, {"schedule": "poly", "power": 2.0}]
)
def test_sgd_updates_as_caffe_does_while_rates_change(changes: dict[str, Any]) -> None:
    """20 steps: with "step" the rate falls three times, and at each fall torch's own SGD would shrink what
    momentum carries on to a tenth.
    """
    recipe = dataclasses.replace(
        RECIPE,
        **changes,
        optimizer="sgd",
        learning_rate=0.1,
        momentum=0.9,
        weight_decay=5e-4,
        double_bias_rate=True,
        warmup_steps=0,
        steps=20,
    )
    rng = np.random.default_rng(0)
    net = Net().double()
    start = {name: p.detach().numpy().copy() for name, p in net.named_parameters() if p.requires_grad}
    gradients = {name: [rng.normal(size=value.shape) for _ in range(20)] for name, value in start.items()}
    optimizer = make_optimizer(net, recipe)
    states = []
    for step in range(20):
        set_rates(optimizer, schedule(step, recipe))
        for name in start:
            net.get_parameter(name).grad = torch.from_numpy(gradients[name][step])
        optimizer.step()
        states.append({name: net.get_parameter(name).detach().numpy().copy() for name in start})
        if step == 11:  # going on from a checkpoint in between changes nothing
            saved, optimizer = optimizer.state_dict(), make_optimizer(net, recipe)
            optimizer.load_state_dict(saved)
    for name, value in start.items():
        bias = name.endswith("bias")
        peak = (10.0 if name.startswith("score") else 0.1) * (2 if bias else 1)
        rates = [
            peak * (0.1 ** (step // 5) if recipe.schedule == "step" else (1 - step / 20) ** 2)
            for step in range(20)
        ]
        expected = caffe_sgd(value, gradients[name], rates, 0.9, 0.0 if bias else 5e-4)
        for step in range(20):
            np.testing.assert_allclose(states[step][name], expected[step], rtol=1e-9, atol=1e-9)


def test_head_layers_that_the_net_does_not_train_are_refused() -> None:
    """All layers would silently learn at the backbone's rate."""
    for layers in (("fc8",), ("score", "scorr"), ("fixed",)):
        with pytest.raises(TrainingError, match=f"starts with {layers[-1]}") as caught:
            make_optimizer(Net(), dataclasses.replace(RECIPE, head_layers=layers))
        assert caught.value.hint == "head_layers: backbone, score"
    make_optimizer(Net(), dataclasses.replace(RECIPE, head_layers=("sco", "backbone.b")))


def test_a_rate_of_zero_changes_nothing() -> None:
    net, recipe = Net(), dataclasses.replace(RECIPE, optimizer="sgd", learning_rate=0.0)
    optimizer, before = make_optimizer(net, recipe), net.backbone.weight.item()
    for step in range(3):
        set_rates(optimizer, schedule(step, recipe))
        net.backbone.weight.grad = torch.ones(1, 1, 1, 1)
        optimizer.step()
    assert net.backbone.weight.item() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "step", "decay_every": 1},  # 0.1^400 is below the smallest float
        {"schedule": "step", "decay_every": 1, "decay_factor": 0.001},
        {"schedule": "poly", "power": 10.0},
        {"schedule": "step", "decay_every": 1, "learning_rate": 1e-300},
    ],
)
def test_rates_that_fall_to_nothing_leave_the_weights_as_they_are(changes: dict[str, Any]) -> None:
    recipe = dataclasses.replace(RECIPE, **({"learning_rate": 0.1} | changes), optimizer="sgd", steps=400)
    net = Net()
    optimizer = make_optimizer(net, recipe)
    weights = []
    for step in range(recipe.steps):
        set_rates(optimizer, schedule(step, recipe))
        for parameter in (net.backbone.weight, net.score.weight):
            parameter.grad = torch.full_like(parameter, 1e6)
        optimizer.step()
        weights.append(net.backbone.weight.item())
    assert np.isfinite(weights).all()
    assert weights[-1] == pytest.approx(weights[-2], rel=1e-6)


def test_rates_fall_in_steps_or_stay() -> None:
    stepped = dataclasses.replace(RECIPE, schedule="step", decay_every=2000, steps=6000, warmup_steps=0)
    found = [schedule(step, stepped) for step in (0, 1999, 2000, 3999, 4000, 5999)]
    assert found == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    fixed = dataclasses.replace(RECIPE, schedule="fixed", warmup_steps=1)
    assert [schedule(step, fixed) for step in (0, 1, 99)] == [0.5, 1, 1]


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("schedule=cosine", 'schedule must be "poly" or "step" or "fixed", got "cosine"'),
        ("decay_every=0", "decay_every must be at least 1 and at most 10,000,000, got 0"),
        ("decay_factor=0", "decay_factor must be at least 0.001 and at most 1, got 0.0"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(setting: str, fault: str) -> None:
    with pytest.raises(TrainingError, match=fault):
        RECIPE.override([setting])


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


@pytest.mark.parametrize(
    ("steps", "warmup", "share", "better"),
    [(15, 100, 4, 1), (200, 100, 54, 20), (1, 1, 50, 0), (201, 100, 0, 0), (15, 0, 0, 0)],
)
def test_a_note_says_that_a_short_run_never_reaches_its_rate(
    steps: int, warmup: int, share: int, better: int
) -> None:
    recipe = dataclasses.replace(RECIPE, steps=steps, warmup_steps=warmup)
    told = below_peak(recipe)
    peak = max(schedule(step, recipe) for step in range(steps))
    if share == 0:
        assert told is None and peak > 0.5
        return
    fixed = dataclasses.replace(recipe, schedule="fixed")  # which keeps its rate after the warm-up
    assert (below_peak(fixed) is None) == (max(schedule(step, fixed) for step in range(steps)) > 0.9)
    assert 100 * peak == pytest.approx(share, abs=0.6)
    assert told == (
        f"warmup_steps={warmup} in {steps} steps: the learning rate reaches only {share} % of its value; "
        f"set warmup_steps={better}, or more steps"
    )
    assert below_peak(dataclasses.replace(recipe, warmup_steps=better)) is None
