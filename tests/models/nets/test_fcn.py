"""FCN's nets: the figures of table 1, the release's offsets, sizes, alignment, stages, heads, fusion."""

from typing import Any, cast

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from pixelwise.models.layers.alignment import Crop, Fuse
from pixelwise.models.layers.bilinear import BilinearUpsampling, bilinear_filter
from pixelwise.models.layers.grid import Grid
from pixelwise.models.nets.fcn import FCN, LateFusion, SkipOnly, fcn
from pixelwise.models.nets.segmentation_net import by_head
from pixelwise.models.surgery.weight_transplant import transplant
from pixelwise.models.trunks.trunk import through

NARROW = (4, 4, 4, 6, 6)
THIN: dict[str, Any] = {"widths": NARROW, "filters": 8}


def small(backbone: str = "vgg16", stride: int = 8, **options: object) -> FCN:
    """A narrow FCN of 3 classes whose scores are random instead of zero."""
    torch.manual_seed(0)
    widths = {"widths": NARROW} if backbone == "vgg16" else {}
    net = fcn(backbone, stride, **{"classes": 3, "filters": 8, **widths, **options})  # type: ignore[arg-type]
    assert isinstance(net, FCN)
    for name, parameter in net.named_parameters():
        if name.startswith("score_"):
            nn.init.normal_(parameter)
    return net.eval()


def parameters(net: nn.Module) -> int:
    kernels = {id(m.weight) for m in net.modules() if isinstance(m, BilinearUpsampling)}
    return sum(p.numel() for p in net.parameters() if id(p) not in kernels)


# Table 1.


@pytest.mark.parametrize(
    ("backbone", "count", "millions"),
    [
        # conv1 to conv5, with groups: 34,944 + 307,456 + 885,120 + 663,936 + 442,624; fc6 37,752,832; fc7
        # 16,781,312; 21 scores of 4,097.
        ("alexnet", 56_954_261, 57),
        # 13 convolutions 14,714,688; fc6 102,764,544; fc7 16,781,312; 21 scores of 4,097.
        ("vgg16", 134_346_581, 134),
        # convolutions 5,973,552; 21 scores of 1,025.
        ("googlenet", 5_995_077, 6),
    ],
)
def test_parameters_are_those_of_table_1(backbone: str, count: int, millions: int) -> None:
    with torch.device("meta"):
        net = fcn(backbone, stride=32)
    assert parameters(net) == count
    assert round(count / 1e6) == millions


def test_receptive_fields_and_strides_are_those_of_table_1() -> None:
    with torch.device("meta"):
        nets = {name: cast(FCN, fcn(name, stride=32)) for name in ("alexnet", "vgg16", "googlenet")}
    grids = {name: net.backbone.grids[net.backbone.taps[-1]] for name, net in nets.items()}
    assert [through(nets[name].get_submodule("fc6"), grids[name]).field for name in ("alexnet", "vgg16")] == [
        355,
        404,
    ]
    # The paper's 907 counts GoogLeNet's final 7x7 average pooling, 6 more cells of 32 pixels, which the same
    # paper discards; without it a score sees 715 pixels.
    assert grids["googlenet"].field == 715
    assert grids["googlenet"].through(7).field == 715 + 6 * 32 == 907
    assert {grid.stride for grid in grids.values()} == {32}


def test_convolution_layers_are_those_of_table_1() -> None:
    """8 and 16; of GoogLeNet's 58 the paper counts the longest path: 3, 2 in each inception, the score."""
    with torch.device("meta"):
        convolutions = {
            name: sum(isinstance(module, nn.Conv2d) for module in fcn(name, stride=32).modules())
            for name in ("alexnet", "vgg16", "googlenet")
        }
    assert (convolutions["alexnet"], convolutions["vgg16"]) == (8, 16)
    assert convolutions["googlenet"] == 3 + 9 * 6 + 1 == 58
    assert 3 + 9 * 2 + 1 == 22


# The release.


@pytest.mark.parametrize(
    ("backbone", "stride", "offsets", "taps"),
    [
        ("vgg16", 32, [19], [64]),
        ("vgg16", 16, [5, 27], [4, 32]),
        ("vgg16", 8, [5, 9, 31], [4, 4, 16]),
        ("alexnet", 32, [18], [63]),
    ],
)
def test_crop_offsets_and_kernels_come_out_as_the_releases(
    backbone: str, stride: int, offsets: list[int], taps: list[int]
) -> None:
    net = small(backbone, stride)
    found = [module.offset for module in net.modules() if isinstance(module, Fuse | Crop)]
    assert found == offsets
    assert [module.taps for module in net.modules() if isinstance(module, BilinearUpsampling)] == taps


def test_layers_bear_the_releases_names() -> None:
    names = {name for name, _ in small().named_children()}
    assert {"fc6", "fc7", "score_fr", "upscore2", "score_pool4", "fuse_pool4", "upscore_pool4"} <= names
    assert {"score_pool3", "fuse_pool3", "upscore8", "score"} <= names
    assert "upscore" in dict(small(stride=32).named_children())
    assert "upscore16" in dict(small(stride=16).named_children())


def test_dropout_stands_where_the_classifiers_had_it() -> None:
    def dropouts(net: nn.Module) -> dict[str, float]:
        return {name: m.p for name, m in net.named_modules() if isinstance(m, nn.Dropout)}

    assert dropouts(small("vgg16")) == dropouts(small("alexnet")) == {"drop6": 0.5, "drop7": 0.5}
    assert dropouts(small("googlenet")) == {"drop": 0.4}


def test_nets_at_once_scale_their_skips() -> None:
    staged, at_once = small(), small(at_once=True)
    at_once.load_state_dict(staged.state_dict())
    for name, scale in (("score_pool4", 0.01), ("score_pool3", 0.0001)):
        dict(staged.named_parameters())[f"{name}.weight"].data.mul_(scale)
    image = torch.rand(1, 3, 40, 50) * 255
    assert torch.allclose(staged(image), at_once(image), atol=1e-4)


# Sizes and alignment.

BUILDS = [
    (backbone, stride, padding)
    for backbone in ("alexnet", "vgg16", "googlenet")
    for stride in (32, 16, 8)
    for padding in ("release", "same")
]


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "stride", "padding"), BUILDS)
def test_any_size_gives_scores_of_that_size(backbone: str, stride: int, padding: str) -> None:
    net = small(backbone, stride, padding=padding).to("meta")
    sizes = [(n, 200 - 3 * n) for n in range(1, 33)] + [(n, 67 + n) for n in range(33, 65, 8)]
    for size in [(1, 1), *sizes, (500, 500), (1000, 700)]:
        assert net(torch.empty(1, 3, *size, device="meta")).shape == (1, 3, *size)


def test_the_smallest_and_a_large_image_are_scored() -> None:
    net = small(padding="same")
    for size in ((1, 1), (1, 40), (1000, 700)):
        with torch.inference_mode():
            scores = net(torch.full((1, 3, *size), 128, dtype=torch.uint8))
        assert scores.shape == (1, 3, *size)
        assert scores.isfinite().all()


# Sizes at which no layer cuts anything off, so that the net treats left and right alike: 2x2 poolings from
# multiples of 32, or 100 pixels around (n + 198 = 32 m); 3x3 poolings of odd maps all the way down.
EVEN_HANDED = [
    ("vgg16", 32, "same", 320),
    ("vgg16", 16, "same", 128),
    ("vgg16", 8, "same", 128),
    ("vgg16", 32, "release", 90),
    ("vgg16", 16, "release", 90),
    ("vgg16", 8, "release", 90),
    ("alexnet", 32, "release", 91),
    ("googlenet", 32, "release", 91),
    ("googlenet", 8, "same", 129),
]


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "stride", "padding", "size"), EVEN_HANDED)
def test_the_response_to_a_delta_image_is_centred_on_it(
    backbone: str, stride: int, padding: str, size: int
) -> None:
    """Filters are means, so the response to a dot in the middle must be its own mirror image."""
    net = small(backbone, stride, padding=padding)
    net.mean.zero_()
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    image = torch.zeros(1, 3, size, size)
    middle = slice((size - 1) // 2, size // 2 + 1)  # one pixel, or two of an even size
    image[..., middle, middle] = 1e6
    with torch.inference_mode():
        response = net(image)[0, 0] / net(image).max()
    assert response[size // 2, size // 2] > 0.5
    assert torch.allclose(response, response.flip(0), atol=1e-5)
    assert torch.allclose(response, response.flip(1), atol=1e-5)
    assert (response[0] < 0.9 * response.max()).all(), "a flat response would prove nothing"


# Stages.


def between_cells(size: int, first: float, stride: int) -> torch.Tensor:
    """Which pixels are a quarter of the stride or more from the next cell."""
    distance = (torch.arange(size) - first) % stride
    return torch.minimum(distance, stride - distance) >= stride / 4


@pytest.mark.parametrize("padding", ["release", "same"])
@pytest.mark.parametrize(
    ("stride", "first"), [(16, {"release": 12.5, "same": 15.5}), (8, {"release": -11.5, "same": 7.5})]
)
def test_a_net_begins_as_the_stage_before(padding: str, stride: int, first: dict[str, float]) -> None:
    """Twofold then f-fold bilinear interpolation is 2f-fold one, but for its bends: kernels of even size put
    no cell on the old cells, so within a quarter of the old stride of each the new net cuts a corner.
    Elsewhere the two are equal.
    """
    before, net = small(stride=2 * stride, padding=padding), small(stride=stride, padding=padding)
    skip = net.skips[-1]
    report = transplant(before, net)
    assert {name for name in report.left if name.startswith("score_")} == {
        f"score_{skip}.weight",
        f"score_{skip}.bias",
    }
    for parameter in net.get_submodule(f"score_{skip}").parameters():
        nn.init.zeros_(parameter)
    image = torch.rand(1, 3, 150, 170) * 255
    with torch.inference_mode():
        expected, found = before(image), net(image)
    rows, columns = (between_cells(n, first[padding], 2 * stride) for n in (150, 170))
    assert torch.allclose(found[..., rows, :][..., columns], expected[..., rows, :][..., columns], atol=1e-4)
    assert not torch.allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("stride", [16, 8])
def test_nets_with_cells_on_pixels_begin_exactly_as_the_stage_before(stride: int) -> None:
    options = {"padding": "same", "stride": stride}
    before = small("googlenet", **{**options, "stride": 2 * stride})  # type: ignore[arg-type]
    net = small("googlenet", **options)  # type: ignore[arg-type]
    transplant(before, net)
    for parameter in net.get_submodule(f"score_{net.skips[-1]}").parameters():
        nn.init.zeros_(parameter)
    image = torch.rand(1, 3, 150, 170) * 255
    with torch.inference_mode():
        assert torch.allclose(net(image), before(image), atol=1e-4)


def test_new_score_layers_are_zero() -> None:
    net = fcn(widths=NARROW, filters=8)
    scores = [p for name, p in net.named_parameters() if name.startswith("score_")]
    assert len(scores) == 6
    assert not any(p.any() for p in scores)


def test_upsampling_between_skips_learns_if_asked_and_the_last_never() -> None:
    def learning(net: FCN) -> list[str]:
        return [name for name, p in net.named_parameters() if p.requires_grad and "upscore" in name]

    assert learning(small()) == []
    assert learning(small(upsampling="learned")) == ["upscore2.weight", "upscore_pool4.weight"]


def test_in_fcn_32s_fixed_only_the_scores_learn() -> None:
    net = small(stride=32, fixed=True)
    assert [n for n, p in net.named_parameters() if p.requires_grad] == ["score_fr.weight", "score_fr.bias"]


def test_frozen_stages_end_with_poolings() -> None:
    net = small()
    net.freeze(2)
    learning = [n for n, p in net.backbone.named_parameters() if p.requires_grad]
    assert learning[0] == "conv3_1.weight"


# Heads and fusion.


def test_two_heads_are_scored_by_one_net_and_learn_from_two_losses() -> None:
    heads = {"semantic": 33, "geometric": 3}
    net = small(stride=16, heads=heads).train()
    scores = by_head(net(torch.rand(1, 3, 40, 50) * 255), heads)
    assert {name: tuple(part.shape) for name, part in scores.items()} == {
        "semantic": (1, 33, 40, 50),
        "geometric": (1, 3, 40, 50),
    }
    labels = {name: torch.randint(0, part.shape[1], (1, 40, 50)) for name, part in scores.items()}
    sum(F.cross_entropy(scores[name], labels[name]) for name in scores).backward()  # type: ignore[union-attr]
    gradient = net.get_submodule("score_fr").weight.grad
    assert isinstance(gradient, torch.Tensor)
    assert gradient[:33].any()
    assert gradient[33:].any()


def test_early_fusion_takes_depth_as_a_fourth_channel() -> None:
    net = small(in_channels=4)
    assert net.mean.flatten().tolist() == pytest.approx([92.318, 97.203, 116.190, 7.844])
    image = torch.rand(1, 4, 33, 47)
    assert net(image).shape == (1, 3, 33, 47)
    deeper = image.clone()
    deeper[:, 3] += 100
    assert not torch.equal(net(image), net(deeper))


def test_late_fusion_averages_the_scores_of_two_streams() -> None:
    net = fcn(stride=16, classes=3, in_channels=6, widths=NARROW, filters=8).eval()
    assert isinstance(net, LateFusion)
    for name, parameter in net.named_parameters():
        if "score_" in name:
            nn.init.normal_(parameter)
    assert net.colour.mean.flatten().tolist() == pytest.approx([92.318, 97.203, 116.190])
    assert net.other.mean.flatten().tolist() == pytest.approx([132.431, 94.076, 118.477])
    image = torch.rand(1, 6, 40, 50) * 255
    expected = (net.colour(image[:, :3]) + net.other(image[:, 3:])) / 2
    assert torch.equal(net(image), expected)
    net(image).sum().backward()
    assert all(p.grad is not None for n, p in net.named_parameters() if n.endswith("conv1_1.weight"))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"backbone": "resnet18"}, "backbone is one of alexnet, vgg16, vgg19, googlenet, not resnet18"),
        ({"stride": 4}, "stride is one of 32, 16, 8, not 4"),
        ({"padding": "valid"}, "padding is one of release, same"),
        ({"in_channels": 0}, "in_channels is at least 1, not 0"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        fcn(**options)  # type: ignore[arg-type]


def test_full_upsampling_has_the_kernels_of_caffes_layers_between_all_classes() -> None:
    """Caffe's 4x4 deconvolutions of 21 classes hold 21 * 21 * 16 numbers; FCN-8s has two, FCN-16s one."""
    with torch.device("meta"):
        counts = {
            (stride, way): sum(
                p.numel() for p in fcn(stride=stride, upsampling=way).parameters() if p.requires_grad
            )
            for stride in (16, 8)
            for way in ("fixed", "learned", "full")
        }
    assert counts[16, "full"] - counts[16, "fixed"] == 21 * 21 * 16
    assert counts[8, "full"] - counts[8, "fixed"] == 2 * 21 * 21 * 16
    assert counts[8, "learned"] - counts[8, "fixed"] == 2 * 21 * 16
    with pytest.raises(ValueError, match="upsampling is one of fixed, learned, full, nonlinear, not mixed"):
        fcn(upsampling="mixed")


# What the authors tried and left.


@pytest.mark.parametrize("padding", ["release", "same"])
@pytest.mark.parametrize(
    ("stride", "options"),
    [
        (16, {"fusion": "skip"}),
        (8, {"fusion": "skip"}),
        (16, {"fusion": "max"}),
        (32, {"dense_pool5": True}),
        (32, {"upsampling": "nonlinear"}),
        (8, {"upsampling": "nonlinear"}),
        (32, {"backbone": "vgg19"}),
    ],
)
def test_ablations_score_every_pixel_of_any_size(stride: int, options: dict[str, Any], padding: str) -> None:
    net = fcn(**{"stride": stride, "classes": 3, "padding": padding, **THIN, **options}).to("meta").eval()
    for size in ((1, 1), (33, 40), (500, 375)):
        assert net(torch.empty(1, 3, *size, device="meta")).shape == (1, 3, *size)


def test_pool4_alone_has_no_deeper_layer() -> None:
    net = fcn(stride=16, fusion="skip", classes=3, **THIN)
    names = {name.split(".")[1] for name, _ in net.named_parameters() if name.startswith("backbone.")}
    assert "conv4_3" in names and "conv5_1" not in names
    assert not hasattr(net, "fc6")
    assert isinstance(net, SkipOnly)
    assert net.score_stride == 16


def test_max_fusion_takes_the_larger_score() -> None:
    scores, skip = torch.randn(1, 2, 4, 4), torch.randn(1, 2, 4, 4)
    assert torch.equal(Fuse(Grid(), Grid(), maximum=True)(scores, skip), torch.maximum(scores, skip))
    assert torch.equal(Fuse(Grid(), Grid())(scores, skip), scores + skip)


def test_a_dense_pool5_needs_14x14_taps_to_see_404_pixels_at_stride_16() -> None:
    """fc6 of 7x7 cells of 32 pixels and of 14x14 cells of 16 pixels: 212 + 6 * 32 = 404 = 196 + 13 * 16."""
    nets = [cast(FCN, fcn(stride=32, dense_pool5=dense, **THIN)) for dense in (False, True)]
    grids = [through(net.get_submodule("fc6"), net.backbone.grids["pool5"]) for net in nets]
    assert [(int(grid.field), int(grid.stride)) for grid in grids] == [(404, 32), (212 + 13 * 16, 16)]


def test_random_scores_begin_small_and_zero_ones_zero() -> None:
    random, zero = (fcn(stride=16, score_std=std, **THIN) for std in (0.01, 0.0))
    for name in ("score_fr", "score_pool4"):
        assert 0.005 < random.get_submodule(name).weight.std() < 0.02  # type: ignore[operator]
        assert not zero.get_submodule(name).weight.any()  # type: ignore[operator]


def test_a_nonlinear_upsampling_begins_as_repeated_doubling_and_learns() -> None:
    net = fcn(stride=32, upsampling="nonlinear", classes=3, **THIN)
    stack = net.get_submodule("upscore")
    kinds = [type(layer).__name__ for layer in stack.children()]
    assert kinds == ["BilinearUpsampling", "ReLU"] * 4 + ["BilinearUpsampling"]
    assert all(p.requires_grad and p.shape == (3, 3, 4, 4) for p in stack.parameters())
    cells = torch.rand(1, 3, 4, 4)
    expected = cells
    for _ in range(5):
        expected = torch.nn.functional.conv_transpose2d(
            expected, bilinear_filter(4).expand(3, 1, 4, 4), stride=2, groups=3
        )
    assert torch.allclose(stack(cells), expected, atol=1e-5)


def test_ablations_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueError, match="fusion is one of sum, not max"):
        fcn(stride=32, fusion="max")
    with pytest.raises(ValueError, match="dense_pool5 is one of False, not True"):
        fcn("alexnet", 32, dense_pool5=True)


def test_scores_that_begin_inside_the_image_are_refused() -> None:
    assert Crop(Grid().shifted(-3)).offset == 3
    with pytest.raises(ValueError, match="scores begin at pixel 2 of the image"):
        Crop(Grid().shifted(2))
