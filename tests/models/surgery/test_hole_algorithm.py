"""Holes, rarefied filters and shift-and-stitch are one thing (Long et al. 2015, section 3.2)."""

import pytest
import torch
from classifiers import random_classifier, scores_of
from torch import nn

from pixelwise.models.surgery.fully_convolutional import convolutionalize
from pixelwise.models.surgery.hole_algorithm import atrous, rarefied, rarefy
from pixelwise.models.surgery.stitching import shift_and_stitch
from pixelwise.models.trunks.vgg16 import vgg16_trunk

TOLERANCE = 1e-4


def unpadded(pooling: nn.Module) -> nn.Module:
    """Stride 8, without padding."""
    torch.manual_seed(0)
    first = nn.Conv2d(3, 6, 5, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2)
    second = nn.Conv2d(6, 8, 3), nn.ReLU(), pooling
    return nn.Sequential(*first, *second, nn.Conv2d(8, 10, 3), nn.ReLU(), nn.Conv2d(10, 4, 2)).eval()


@pytest.mark.parametrize("pooling", [nn.MaxPool2d(2), nn.AvgPool2d(3, 2)], ids=["max", "average"])
def test_stitching_rarefaction_and_holes_give_the_same(pooling: nn.Module) -> None:
    net, image = unpadded(pooling), torch.randn(2, 3, 90, 75)
    stitched = shift_and_stitch(net, image, 8)
    assert torch.allclose(scores_of(atrous(net, 1), image), stitched, atol=TOLERANCE)
    assert torch.allclose(scores_of(rarefy(net), image), stitched, atol=TOLERANCE)
    assert stitched.std() > 0.01
    # One output for every window of the receptive field: 5; 3x3 of stride 2: 9; 3x3 of 4: 17; 2 or 3 of 4: 21
    # or 25; 3x3 of 8: 16 more; 2x2 of 8: 8 more.
    field = (21 if isinstance(pooling, nn.MaxPool2d) else 25) + 16 + 8
    assert stitched.shape == (2, 4, 90 - field + 1, 75 - field + 1)


@pytest.mark.parametrize("output_stride", [4, 2, 1])
def test_every_finer_stride_keeps_the_old_cells(output_stride: int) -> None:
    net, image = unpadded(nn.MaxPool2d(2)), torch.randn(1, 3, 90, 75)
    old, new = scores_of(net, image), scores_of(atrous(net, output_stride), image)
    step = 8 // output_stride
    assert torch.allclose(new[..., ::step, ::step], old, atol=TOLERANCE)


def test_padded_nets_agree_away_from_the_border() -> None:
    """VGG16 up to pool3, of stride 8. Near the border a moved image has its zeros elsewhere."""
    torch.manual_seed(0)
    trunk = vgg16_trunk(["pool3"], widths=(4, 4, 6, 1, 1)).eval()
    layers = list(trunk.named_children())
    net = nn.Sequential(*[layer for _, layer in layers[: 1 + [name for name, _ in layers].index("pool3")]])
    image = torch.rand(1, 3, 120, 104)
    stitched, holes = shift_and_stitch(net, image, 8), scores_of(atrous(net, 1), image)
    field = trunk.grids["pool3"].field  # 44 pixels: 22 and more from every border all is equal
    inside = slice(22, 104 - int(field))
    assert holes[..., inside, inside].std() > 0.01
    assert torch.allclose(stitched[..., inside, inside], holes[..., inside, inside], atol=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["alexnet", "vgg16", "googlenet", "resnet18", "squeezenet"])
def test_torchvisions_nets_keep_their_cells(name: str) -> None:
    """Padding, rounded-up poolings and sums included, up to the border, at an odd size."""
    net = convolutionalize(random_classifier(name), (224, 224), pooling="drop")
    step = 2 if name == "squeezenet" else 4
    image = torch.randn(1, 3, 226, 241)
    old, new = scores_of(net, image), scores_of(atrous(net, 8), image)
    sampled = new[..., ::step, ::step][..., : old.shape[2], : old.shape[3]]
    assert torch.allclose(sampled, old, atol=TOLERANCE * float(old.std()))


def test_rarefied_filters_are_the_papers() -> None:
    # f'[i, j] = f[i / 2, j / 2] where 2 divides i and j.
    weights = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    assert rarefied(weights, 2)[0, 0].tolist() == [[1, 0, 2], [0, 0, 0], [3, 0, 4]]


def test_names_and_weights_stay() -> None:
    net = unpadded(nn.MaxPool2d(2))
    spread = atrous(net, 1)
    assert all(torch.equal(tensor, spread.state_dict()[name]) for name, tensor in net.state_dict().items())
    assert net.get_submodule("0").stride == (2, 2), "the net itself is left as it was"


def test_a_stride_in_one_step_is_removed_in_part() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 5, stride=4), nn.Conv2d(2, 2, 3)).eval()
    image = torch.randn(1, 1, 33, 33)
    assert torch.allclose(
        scores_of(atrous(net, 2), image)[..., ::2, ::2], scores_of(net, image), atol=TOLERANCE
    )


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        (nn.AdaptiveAvgPool2d(1), "has no atrous form"),
        (nn.Upsample(scale_factor=2), "has no atrous form"),
        (nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), "only zeros can be spread"),
        (nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), "averages fewer cells"),
    ],
)
def test_layers_that_cannot_be_spread_are_named(layer: nn.Module, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"1 .*{complaint}"):
        atrous(nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), layer), 1)


def test_an_output_stride_that_the_strides_do_not_meet_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot give 3"):
        atrous(nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.Conv2d(2, 2, 3, stride=2)), 3)


def test_a_padded_pooling_is_spread_at_every_stride() -> None:
    """As in ResNets: a 3x3 pooling, padded by 1, behind a convolution of stride 2."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 7, 2, 3), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 2, 3, padding=1))
    image = torch.rand(1, 3, 33, 29) - 0.5
    for stride in (2, 1):
        dense = atrous(net, stride)(image)
        step = 4 // stride
        coarse = net(image)
        assert torch.allclose(dense[..., ::step, ::step], coarse, atol=1e-6)
        assert dense.shape[-2:] == tuple(-(-size // stride) for size in image.shape[-2:])
