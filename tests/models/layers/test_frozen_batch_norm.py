"""Folded batch normalisation is batch normalisation in evaluation mode, gradients included."""

import copy

import pytest
import torch
from torch import nn

from pixelwise.models.layers.frozen_batch_norm import (
    FrozenBatchNormConv2d,
    fold_batch_norm,
    freeze_batch_norm,
    unfold_batch_norm,
)
from pixelwise.models.nets.skip_fcn import skip_fcn


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, groups=4, bias=False),
        nn.BatchNorm2d(4),
    )
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            module.running_mean = torch.randn(4)
            module.running_var = torch.rand(4) + 0.1
    return net.eval()


def test_outputs_and_gradients_equal_evaluation_mode() -> None:
    plain, x = small_net(), torch.randn(2, 3, 9, 11)
    frozen = copy.deepcopy(plain)
    assert freeze_batch_norm(frozen, x) == 2
    frozen.train()
    expected, found = plain(x), frozen(x)
    assert torch.allclose(found, expected, atol=1e-5)

    (expected**2).sum().backward()
    (found**2).sum().backward()
    reference = dict(plain.named_parameters())
    for conv, norm in ((0, 1), (3, 4)):
        own = frozen[conv]
        assert isinstance(own, FrozenBatchNormConv2d)
        pairs = (
            (own.conv.weight, f"{conv}.weight"),
            (own.scale, f"{norm}.weight"),
            (own.shift, f"{norm}.bias"),
        )
        for parameter, name in pairs:
            gradient = reference[name].grad
            assert parameter.grad is not None
            assert gradient is not None
            assert torch.allclose(parameter.grad, gradient, rtol=1e-3, atol=1e-4), name


def test_folding_leaves_plain_convolutions_that_do_the_same() -> None:
    net, x = small_net(), torch.randn(1, 3, 8, 8)
    expected = net(x)
    freeze_batch_norm(net, x)
    fold_batch_norm(net)
    assert not any(isinstance(module, FrozenBatchNormConv2d) for module in net.modules())
    assert torch.allclose(net(x), expected, atol=1e-5)


def test_a_normalisation_without_a_convolution_before_it_is_frozen_by_itself() -> None:
    """As those before the convolutions of DenseNet, and RepVGG's of identities."""
    net = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3))
    norm = net[1]
    assert isinstance(norm, nn.BatchNorm2d)
    norm.running_mean, norm.running_var = torch.randn(3), torch.rand(3) + 0.1
    nn.init.normal_(norm.weight)
    x = torch.randn(2, 3, 5, 4)
    expected = net.eval()(x)
    assert freeze_batch_norm(net, torch.zeros(1, 3, 4, 4)) == 1
    assert torch.allclose(net.train()(x), expected, atol=1e-6)
    assert len(list(net.parameters())) == 2, "scale and shift still learn"
    folded = copy.deepcopy(net)
    fold_batch_norm(folded)
    assert torch.allclose(folded(x), expected, atol=1e-6)
    state = unfold_batch_norm(folded.state_dict(), net)
    assert state.keys() == net.state_dict().keys()
    for name, tensor in net.state_dict().items():
        assert torch.allclose(state[name], tensor, atol=1e-6), name


def test_a_normalisation_without_running_statistics_cannot_be_frozen() -> None:
    net = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3, track_running_stats=False))
    with pytest.raises(ValueError, match="keeps no running statistics"):
        freeze_batch_norm(net, torch.zeros(1, 3, 4, 4))


class TwiceConv2d(nn.Conv2d):
    """A convolution that does more, as timm's Conv2dSame and StdConv2d."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def test_normalisation_behind_a_convolution_of_another_kind_is_frozen_alone() -> None:
    plain, x = small_net(), torch.randn(2, 3, 9, 11)
    first = plain[0]
    plain[0] = TwiceConv2d(3, 4, 3, stride=2, padding=1)
    plain[0].load_state_dict(first.state_dict())
    frozen = copy.deepcopy(plain)
    assert freeze_batch_norm(frozen, x) == 2
    assert torch.allclose(frozen(x), plain(x), atol=1e-5)
    fold_batch_norm(frozen)
    assert torch.allclose(frozen(x), plain(x), atol=1e-5)


@pytest.mark.parametrize("size", [(321, 321), (64, 65)])
def test_frozen_normalisation_keeps_padding_that_depends_on_the_size(size: tuple[int, int]) -> None:
    shapes = []
    for batch_norm in ("train", "frozen"):
        net = skip_fcn(2, "tf_efficientnet_lite0", batch_norm=batch_norm, skips=(16, 8)).eval()
        with torch.no_grad():
            shapes.append([tuple(level.shape) for level in net.backbone(torch.zeros(1, 3, *size))])
    assert shapes[0] == shapes[1]
