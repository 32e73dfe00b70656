"""Parameters without a gradient are found, so that processes do not wait for them."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import torch
from torch import nn

from pixelwise.training.distributed.unused_parameters import unused_parameters
from pixelwise.training.learner import Learner
from pixelwise.training.recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Branches(nn.Module):
    """Two branches of which the scores use one, and a buffer that counts in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
        self.second, self.score = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 2, 1)
        self.in_training = nn.Conv2d(4, 2, 1)
        self.score.bias.requires_grad_(False)  # type: ignore[union-attr]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.first(image)
        self.second(x)
        scores: torch.Tensor = self.score(x)
        return scores + self.in_training(x) if self.training else scores


def test_only_parameters_without_a_gradient_are_found_and_nothing_changes() -> None:
    torch.manual_seed(0)
    net, images = Branches().eval(), torch.rand(2, 3, 9, 9)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    state = torch.random.get_rng_state()
    unused = unused_parameters(net, images)
    assert unused == ["second.weight", "second.bias"]
    assert not net.training and torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    net.train()(images).sum().backward()
    silent = [name for name, own in net.named_parameters() if own.requires_grad and own.grad is None]
    assert silent == unused


@pytest.mark.parametrize("processes", [1, 2])
def test_several_processes_do_not_wait_for_branches_that_no_skip_takes(processes: int) -> None:
    """The optimizer has all parameters, so that a run may go on with another number of processes."""
    fabric = SimpleNamespace(
        world_size=processes, device=torch.device("cpu"), setup=lambda net, optimizer: (net, optimizer)
    )
    settings = ["backbone=hrnet_w18_small", "backbone_weights=none", "skips=8", "batch_norm=train", "crop=33"]
    recipe = Recipe("r", "folder:x").override([*settings, "freeze_stages=0", "context=8"])
    learner = Learner(cast("Fabric", fabric), recipe, {"": 2}, {}, 3, True)
    learning = {name for name, own in learner.net.named_parameters() if own.requires_grad}
    total = sum("upsampl" not in name for name, _ in learner.net.named_parameters())  # those are fixed
    assert (len(learning) < total) == (processes == 2)
    assert sum(len(group["params"]) for group in learner._optimizer.param_groups) == total
