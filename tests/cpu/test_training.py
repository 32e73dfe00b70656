"""Nets in the form for training against the nets they came from."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.cpu.convolution import TrainedConv2d, TrainedDepthwise, TrainedProduct
from pixelwise.cpu.dropout import QuickDropout
from pixelwise.cpu.training import for_training
from pixelwise.models.layers.frozen_batch_norm import freeze_batch_norm
from pixelwise.models.nets.deeplab import deeplab
from pixelwise.models.nets.fcn import fcn
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.nets.skip_fcn import Head, SkipFCN
from pixelwise.models.trunks.timm_trunks import backbone

CPU = torch.device("cpu")
WIDTHS = (32, 32, 64, 32, 32)


def skip_fcn() -> SegmentationNet:
    net = SkipFCN(backbone("test_efficientnet"), 5, Head(context=32, hidden=32, dropout=0.0))
    freeze_batch_norm(net, torch.zeros(1, 3, 33, 33))
    return net


NETS = {
    "release": lambda: fcn(stride=8, classes=5, widths=WIDTHS, filters=64, dropout=0.0),
    "same": lambda: fcn(stride=16, classes=5, padding="same", widths=WIDTHS, filters=32, dropout=0.0),
    "large_fov": lambda: deeplab("large_fov", classes=5, widths=WIDTHS, filters=64, dropout=0.0),
    "skip_fcn": skip_fcn,
}


def started(name: str) -> SegmentationNet:
    """The net with scores and biases that are not zero."""
    torch.manual_seed(0)
    net = NETS[name]()
    for key, parameter in net.named_parameters():
        if key.endswith("bias") or "score" in key:
            nn.init.normal_(parameter, std=0.1)
    return net.to(memory_format=torch.channels_last).train()


def gradients(net: nn.Module, image: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Scores, and the gradients of a sum of them with weights."""
    scores = net(image)
    generator = torch.Generator().manual_seed(1)
    (scores * torch.randn(scores.shape, generator=generator)).sum().backward()
    found = {name: p.grad for name, p in net.named_parameters() if p.grad is not None}
    return scores.detach(), found


class Chosen(nn.Module):
    """A ReLU or a max pooling with given choices: which numbers stay, or which of each window."""

    def __init__(self, choice: torch.Tensor) -> None:
        super().__init__()
        self.choice = choice

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.choice.dtype == torch.bool:
            return x * self.choice
        return x.flatten(2).gather(2, self.choice.flatten(2)).view(self.choice.shape)


def with_the_choices_of(fast: nn.Module, net: nn.Module, image: torch.Tensor) -> nn.Module:
    """A copy of the net that chooses as `fast` does. Rounding decides for numbers near 0 and near ties, and
    each such choice changes a path of the gradient; with equal choices gradients are equal to rounding.
    """
    choices: dict[str, torch.Tensor] = {}

    def note(name: str, layer: nn.Module, x: torch.Tensor, result: torch.Tensor) -> None:
        if isinstance(layer, nn.MaxPool2d):
            window = layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode
            choices[name] = F.max_pool2d(x, *window, return_indices=True)[1]
        else:
            choices[name] = result > 0

    def watch(name: str, layer: nn.Module) -> torch.utils.hooks.RemovableHandle:
        watched = fast.get_submodule(name)  # a ReLU may be part of the convolution before it
        return watched.register_forward_hook(lambda _, inputs, result: note(name, layer, inputs[0], result))

    kinds = nn.ReLU, nn.MaxPool2d
    hooks = [watch(name, layer) for name, layer in net.named_modules() if isinstance(layer, kinds)]
    fast(image)
    for hook in hooks:
        hook.remove()
    assert len(choices) == len(hooks)
    same = copy.deepcopy(net)
    for name, choice in choices.items():
        same.set_submodule(name, Chosen(choice))
    return same


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
def test_scores_and_gradients_are_those_of_the_net(name: str) -> None:
    net = started(name)
    net.freeze(1)
    image = torch.randint(0, 256, (2, 3, 45, 62), dtype=torch.uint8)
    fast = for_training(copy.deepcopy(net), CPU)
    with torch.no_grad():
        own, same = net(image), with_the_choices_of(fast, net, image)
    expected, wanted = gradients(same, image)
    scores, found = gradients(fast, image)
    assert any(isinstance(module, TrainedConv2d) for module in fast.modules())
    assert (expected - own).norm() < 1e-5 * own.norm()  # only choices that hardly matter differ
    assert (scores - expected).norm() < 1e-4 * expected.norm()
    assert found.keys() == wanted.keys() and len(found) > 5
    layouts = {key: parameter.stride() for key, parameter in fast.named_parameters()}
    for key, gradient in wanted.items():
        assert (found[key] - gradient).norm() < 1e-4 * gradient.norm(), key
        assert found[key].stride() == layouts[key], f"{key}: several processes would have to copy it"


def test_parameters_stay_what_they_are() -> None:
    net = started("large_fov")
    parameters, state = dict(net.named_parameters()), copy.deepcopy(net.state_dict())
    fast = for_training(net, CPU)
    assert all(dict(fast.named_parameters())[name] is p for name, p in parameters.items())
    assert list(fast.state_dict()) == list(state)
    assert all(torch.equal(tensor, state[name]) for name, tensor in fast.state_dict().items())


def test_relu_is_part_of_the_convolution_and_odd_layers_stay() -> None:
    fast = for_training(fcn(stride=8, classes=5, padding="same", widths=(8, 32, 40, 32, 32), filters=48), CPU)
    trunk = dict(fast.get_submodule("backbone").named_children())
    compiled = {name for name, layer in trunk.items() if isinstance(layer, TrainedConv2d)}
    filled_up = {"conv3_1", "conv4_1"}  # 40 channels as 64, times 32
    assert compiled == filled_up | {"conv2_2", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3"}
    assert {name for name, layer in trunk.items() if isinstance(layer, nn.Identity)} == {
        name.replace("conv", "relu") for name in compiled
    }


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("ours", "conv"),
    [
        (TrainedDepthwise, {"kernel_size": 5, "stride": 2, "padding": 2, "groups": 32}),
        (TrainedDepthwise, {"kernel_size": 3, "padding": 3, "dilation": 3, "groups": 32}),
        (TrainedProduct, {"kernel_size": 1}),
    ],
)
def test_layers_have_the_results_and_gradients_of_torchs(
    ours: type[TrainedDepthwise] | type[TrainedProduct], conv: dict[str, int], bias: bool
) -> None:
    torch.manual_seed(0)
    theirs = nn.Conv2d(32, 32, bias=bias, **conv)  # type: ignore[arg-type]
    image = torch.randn(2, 32, 9, 12).contiguous(memory_format=torch.channels_last).requires_grad_()
    found: list[list[torch.Tensor | None]] = []
    for layer in (theirs, ours(theirs)):
        theirs.zero_grad()
        image.grad = None
        result = layer(image)
        (result**2).sum().backward()
        assert image.grad is not None
        found.append([result.detach(), image.grad, *(p.grad for p in theirs.parameters())])
    for a, b in zip(*found, strict=True):
        assert a is not None and b is not None
        assert torch.allclose(a, b, atol=1e-4 * float(b.abs().max()))


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_layers_learn_in_bfloat16_too(stride: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(32, 32, 5, stride, padding=2, groups=32)
    image = torch.randn(2, 32, 9, 12).contiguous(memory_format=torch.channels_last).requires_grad_()
    found: list[list[torch.Tensor]] = []
    for layer, precision in ((conv, torch.float32), (TrainedDepthwise(conv), torch.bfloat16)):
        conv.zero_grad()
        image.grad = None
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            result = layer(image.to(precision))
        assert result.dtype == precision
        (result.float() ** 2).sum().backward()
        gradients = [image.grad, conv.weight.grad, conv.bias.grad if conv.bias is not None else None]
        assert all(gradient is not None and gradient.dtype == torch.float32 for gradient in gradients)
        found.append([result.detach().float(), *(g for g in gradients if g is not None)])
    for full, half in zip(*found, strict=True):
        assert torch.allclose(full, half, atol=0.03 * float(full.abs().max()))


@pytest.mark.slow
def test_other_devices_and_precisions_have_torchs_convolutions() -> None:
    net = started("large_fov")
    assert for_training(net, torch.device("cuda")) is net
    assert not any(isinstance(module, TrainedConv2d) for module in net.modules())
    conv = nn.Conv2d(32, 32, 3, padding=1)
    ours = TrainedConv2d(conv, rectified=True).double()
    image = torch.randn(1, 32, 7, 8, dtype=torch.float64)
    assert torch.equal(ours(image), torch.relu(conv(image)))
    assert torch.autograd.gradcheck(ours, image.requires_grad_())


def test_images_in_any_memory_order_are_convolved_alike() -> None:
    conv = nn.Conv2d(32, 32, 3, padding=1, bias=False)
    ours = TrainedConv2d(conv, rectified=False)
    image = torch.randn(2, 32, 7, 8)
    channels_last = image.contiguous(memory_format=torch.channels_last)
    assert torch.equal(ours(image), ours(channels_last))
    assert torch.allclose(ours(image), conv(image), atol=1e-5)


def test_dropout_keeps_its_share_scaled_up_and_follows_the_seed() -> None:
    x = torch.ones(4, 32, 50, 50).contiguous(memory_format=torch.channels_last).requires_grad_()
    layer = QuickDropout(0.25)
    torch.manual_seed(3)
    first = layer(x)
    first.sum().backward()
    kept = first > 0
    assert x.grad is not None
    assert torch.equal(first.detach(), x.grad)
    assert torch.equal(first[kept], torch.full_like(first[kept], 1 / 0.75))
    # 320,000 numbers: the share has a standard deviation of (3/16 / 320,000)^(1/2) = 0.00077.
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.004)
    for axis in range(4):  # no row or channel of its own
        others = [other for other in range(4) if other != axis]
        assert (kept.float().mean(others) - 0.75).abs().max() < 0.03
    torch.manual_seed(3)
    assert torch.equal(layer(x), first)
    assert not torch.equal(layer(x), first)
    assert layer.eval()(x) is x
