"""Nets in the form for inference against the nets they came from."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from pixelwise.cpu.inference import CompiledConv2d, Product, for_inference
from pixelwise.models.layers.frozen_batch_norm import fold_batch_norm, freeze_batch_norm
from pixelwise.models.nets.deeplab import deeplab
from pixelwise.models.nets.fcn import fcn
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.nets.skip_fcn import Head, SkipFCN
from pixelwise.models.trunks.timm_trunks import backbone

WIDTHS = (32, 32, 64, 32, 32)


def scored(net: SegmentationNet) -> SegmentationNet:
    """The net with scores and biases that are not zero."""
    for name, parameter in net.named_parameters():
        if name.endswith("bias") or "score_" in name:
            nn.init.normal_(parameter, std=0.1)
    return net.eval()


def skip_fcn() -> SegmentationNet:
    net = SkipFCN(backbone("test_efficientnet"), 5, Head(context=32, hidden=32))
    freeze_batch_norm(net, torch.zeros(1, 3, 33, 33))
    fold_batch_norm(net)
    return net


NETS = {
    "release": lambda: fcn(stride=8, classes=5, padding="release", widths=WIDTHS, filters=64),
    "release 32s": lambda: fcn(stride=32, classes=5, padding="release", widths=WIDTHS, filters=64),
    "same": lambda: fcn(stride=16, classes=5, padding="same", widths=WIDTHS, filters=1024),
    "odd widths": lambda: fcn(stride=8, classes=5, padding="same", widths=(8, 32, 40, 32, 32), filters=48),
    "large_fov": lambda: deeplab("large_fov", classes=5, widths=WIDTHS, filters=64),
    "7x7": lambda: deeplab("7x7", classes=5, widths=WIDTHS, filters=64),
    "4x4": lambda: deeplab("4x4", classes=5, widths=WIDTHS, filters=64),
    "skip_fcn": skip_fcn,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("size", [(1, 1), (47, 70)])
def test_scores_are_those_of_the_net(name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    net = scored(NETS[name]())
    fast = for_inference(copy.deepcopy(net))
    image = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    with torch.inference_mode():
        expected, found = net(image), fast(image)
    assert found.dtype == torch.float32
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-4 * expected.std() + 1e-4 * expected.abs().max()


IN_HALF: dict[str, Callable[[], SegmentationNet]] = {
    "release": NETS["release"],
    "response normalisation": lambda: fcn("alexnet", 32, 5, filters=64),
    "linear layers": lambda: SkipFCN(backbone("test_convnext"), 5, Head(context=32, hidden=32)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_HALF)
def test_bfloat16_is_near(name: str) -> None:
    """Eight bits of mantissa through twenty layers: a few per cent of the scores' spread."""
    torch.manual_seed(0)
    net = scored(IN_HALF[name]())
    half = for_inference(copy.deepcopy(net), "bfloat16")
    image = torch.randint(0, 256, (1, 3, 40, 50), dtype=torch.uint8)
    with torch.inference_mode():
        expected, found = net(image), half(image)
    assert found.dtype == torch.float32
    assert 0 < (found - expected).abs().max() < 0.1 * expected.abs().max()


def test_relu_and_pooling_are_part_of_the_convolution() -> None:
    fast = for_inference(NETS["release"]().eval())
    trunk = dict(fast.get_submodule("backbone").named_children())
    assert all(isinstance(layer, CompiledConv2d) for name, layer in trunk.items() if name.startswith("conv"))
    assert all(isinstance(layer, nn.Identity) for name, layer in trunk.items() if name.startswith("relu"))
    assert list(trunk["pool4"].children()) == []
    assert isinstance(for_inference(NETS["same"]().eval()).get_submodule("fc7"), Product)


def test_a_map_that_somebody_else_uses_is_kept() -> None:
    """With a tap behind relu3_3, that map has to exist; pooling it stays a layer of its own."""
    from pixelwise.cpu.inference import followers
    from pixelwise.models.trunks.vgg16 import vgg16_trunk

    trunk = vgg16_trunk(("relu3_3", "pool5"), widths=WIDTHS)
    assert followers(trunk, "conv3_3") == ["relu3_3"]
    assert followers(trunk, "conv4_3")[:2] == ["relu4_3", "pool4"]


class Standardised(nn.Conv2d):
    """Normalises its weights first, as timm's StdConv2d."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self._conv_forward(x, self.weight / self.weight.std(), self.bias)
        return scores


@pytest.mark.parametrize("filter_size", [1, 3])
def test_convolutions_that_do_more_are_kept(filter_size: int) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(Standardised(32, 32, filter_size, padding=filter_size // 2)).eval()
    x = torch.randn(1, 32, 9, 11)
    with torch.inference_mode():
        expected = net(x)
        assert torch.allclose(for_inference(net)(x), expected, atol=1e-5)


def test_frozen_normalisation_is_folded_first() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32)).eval()
    x = torch.randn(1, 32, 9, 11)
    with torch.inference_mode():
        expected = net(x)
    freeze_batch_norm(net, x)
    with torch.inference_mode():
        assert torch.allclose(for_inference(net)(x), expected, atol=1e-4)


def test_nets_that_still_learn_and_unknown_precisions_are_refused() -> None:
    with pytest.raises(ValueError, match="evaluation mode"):
        for_inference(NETS["same"]().train())
    with pytest.raises(ValueError, match=r'precision is one of auto, float32, .*, int8, got "int4"'):
        for_inference(NETS["same"]().eval(), "int4")
    with pytest.raises(ValueError, match="nets do not run in int8"):
        for_inference(NETS["same"]().eval(), "int8")
