"""FCN's skip architecture."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.models.layers.layout import Layout
from pixelwise.models.nets.skip_fcn import Head, SkipFCN
from pixelwise.models.trunks.timm_trunks import Backbone, Level, backbone

TINY = "test_efficientnet"


class Averages(nn.Module):
    """A trunk one can compute by hand: level k is the image sampled at every 2^(k+1)-th pixel."""

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        return [image[..., :: 2**k, :: 2**k] for k in range(1, 6)]


def sampling_trunk() -> Backbone:
    levels = tuple(Level(k - 1, 3, 2**k) for k in range(1, 6))
    return Backbone(Averages(), levels, [0.0] * 3, [1.0] * 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (32, 32), (33, 65), (97, 131)])
def test_output_has_the_size_of_the_input(size: tuple[int, int]) -> None:
    net = SkipFCN(backbone(TINY), 5, Head(context=8)).eval()
    image = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    assert net(image).shape == (2, 5, *size)


def test_scores_lie_on_the_pixels_they_were_computed_from() -> None:
    """With a trunk that samples the image and a score that copies channel 0, cells reappear at stride * i."""
    for skips, stride in (((), 32), ((16, 8, 4), 4)):
        net = SkipFCN(sampling_trunk(), 1, Head(skips, context=0, dropout=0)).eval()
        weights = [p for p in [*net.score_fr.parameters(), *net.scores.parameters()] if p.ndim == 4]
        for weight in weights:
            nn.init.zeros_(weight)
        weights[-1].data[0, 0] = 1
        image = torch.rand(1, 3, 97, 129) * 255
        found = net(image)[0, 0, ::stride, ::stride]
        assert torch.allclose(found, image[0, 0, ::stride, ::stride], atol=1e-3)


class Patches(nn.Module):
    """Level k is the mean of the image over squares of 2^(k+1) pixels."""

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        return [F.avg_pool2d(image, 2**k) for k in range(1, 6)]


@pytest.mark.parametrize(("skips", "stride"), [((), 32), ((16, 8, 4), 4)])
def test_scores_of_patches_lie_between_the_pixels_they_were_computed_from(
    skips: tuple[int, ...], stride: int
) -> None:
    """A ramp's mean is its value in the middle of the square: the upsampled scores are the ramp again."""
    levels = tuple(Level(k - 1, 3, 2**k) for k in range(1, 6))
    trunk = Backbone(Patches(), levels, [0.0] * 3, [1.0] * 3, Layout(odd=False, between=True))
    net = SkipFCN(trunk, 1, Head(skips, context=0, dropout=0)).eval()
    weights = [p for p in [*net.score_fr.parameters(), *net.scores.parameters()] if p.ndim == 4]
    for weight in weights:
        nn.init.zeros_(weight)
    weights[-1].data[0, 0] = 1
    ramp = torch.arange(96.0) + 2 * torch.arange(128.0)[:, None]
    found = net(ramp.expand(1, 3, -1, -1))[0, 0].detach()
    inner = slice(stride, -stride)
    assert torch.allclose(found[inner, inner], ramp[inner, inner], atol=1e-3)
    outermost = torch.tensor([found[0, 0], found[-1, -1]])
    corners = torch.tensor([ramp[:stride, :stride].mean(), ramp[-stride:, -stride:].mean()])
    assert torch.allclose(outermost, corners, atol=1e-3), "no border effect"


def test_maps_with_a_cell_beyond_the_last_pixel_are_cut_to_the_coarser_ones() -> None:
    """As of HRNet, whose sides are multiples of 32: the cell on pixel 0 of each stride stays there."""
    levels = tuple(Level(k - 1, 3, 2**k) for k in range(1, 6))
    trunk = Backbone(Averages(), levels, [0.0] * 3, [1.0] * 3, Layout(odd=False, between=False))
    net = SkipFCN(trunk, 1, Head((16, 8, 4), context=0, dropout=0)).eval()
    weights = [p for p in [*net.score_fr.parameters(), *net.scores.parameters()] if p.ndim == 4]
    for weight in weights:
        nn.init.zeros_(weight)
    weights[-1].data[0, 0] = 1
    image = torch.rand(1, 3, 97, 128) * 255
    found = net(image)[0, 0, ::4, ::4]
    assert torch.allclose(found, image[0, 0, ::4, ::4], atol=1e-3)


def test_a_net_with_new_skips_begins_as_the_net_without() -> None:
    torch.manual_seed(0)
    trunk = backbone(TINY)
    without = SkipFCN(trunk, 4, Head((), context=8)).eval()
    with_skips = SkipFCN(trunk, 4, Head((16, 8), context=8, hidden=6)).eval()
    with_skips.context, with_skips.score_fr = without.context, without.score_fr
    image = torch.rand(1, 3, 65, 97) * 255
    # Twofold steps interpolate linearly what was interpolated linearly at the cells: equal at stride-8 pixels
    # on the lines between stride-32 cells.
    assert torch.allclose(without(image)[..., ::32, ::8], with_skips(image)[..., ::32, ::8], atol=1e-5)


def test_every_parameter_of_trunk_and_head_gets_a_gradient() -> None:
    net = SkipFCN(backbone(TINY), 3, Head(context=8, hidden=4, upsampling="learned"))
    for parameter in net.scores.parameters():  # zero scores let nothing through to their hidden layers
        nn.init.normal_(parameter)
    image = torch.rand(2, 3, 64, 64) * 255
    F.cross_entropy(net(image), torch.randint(0, 3, (2, 64, 64))).backward()  # type: ignore[no-untyped-call]
    silent = [name for name, p in net.named_parameters() if p.requires_grad and p.grad is None]
    assert silent == []
    assert not net.upsample.weight.requires_grad, "the last upsampling stays bilinear"


@pytest.mark.parametrize("trunk", [TINY, "test_resnet"])
def test_normalisation_in_frozen_stages_keeps_and_uses_its_statistics(trunk: str) -> None:
    net = SkipFCN(backbone(trunk), 2, Head((), context=4))
    net.freeze(1)
    norms = {name: norm for name, norm in net.named_modules() if isinstance(norm, nn.BatchNorm2d)}
    frozen = {name for name, norm in norms.items() if not norm.weight.requires_grad}
    assert 0 < len(frozen) < len(norms)
    before = {name: norm.running_mean.clone() for name, norm in norms.items()}  # type: ignore[union-attr]
    for _ in range(2):  # an evaluation lies between
        net.eval()
        net.train()
        net(torch.rand(2, 3, 65, 65) * 255)
    kept = {name for name, norm in norms.items() if torch.equal(norm.running_mean, before[name])}  # type: ignore[arg-type]
    assert kept == frozen
    assert {name for name, norm in norms.items() if not norm.training} == frozen


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_output_stride_is_kept_by_atrous_convolution(output_stride: int) -> None:
    trunk = backbone(TINY, output_stride=output_stride).eval()
    size = 64 // output_stride + 1
    assert trunk(torch.zeros(1, 3, 65, 65))[-1].shape[-2:] == (size, size)
    assert trunk.levels[-1].stride == output_stride
    skips = tuple(stride for stride in (16, 8, 4) if stride <= output_stride)
    assert SkipFCN(trunk, 2, Head(skips, context=4))(torch.zeros(1, 3, 40, 50)).shape == (1, 2, 40, 50)


def test_a_skip_that_the_trunk_cannot_give_names_those_it_can() -> None:
    with pytest.raises(ValueError, match=r"no layer of stride 64 for a skip; it has \[2, 4, 8, 16\]"):
        SkipFCN(backbone(TINY), 2, Head((64,)))
