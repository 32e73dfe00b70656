"""DeepLab v1's nets: table 1's figures, strides, sizes, alignment, the multi-scale branches."""

import copy

import pytest
import torch
from torch import nn

from pixelwise.models.layers.bilinear import BilinearUpsampling
from pixelwise.models.layers.grid import Grid
from pixelwise.models.nets.deeplab import VARIANTS, DeepLab, deeplab
from pixelwise.models.surgery.stitching import shift_and_stitch
from pixelwise.models.trunks.alexnet import alexnet_trunk
from pixelwise.models.trunks.trunk import through
from pixelwise.models.trunks.vgg16 import vgg16_trunk

NARROW = (4, 4, 4, 6, 6)


def small(variant: str, multi_scale: bool = False, pools: str = "release") -> DeepLab:
    torch.manual_seed(0)
    sizes: dict[str, object] = {"widths": NARROW, "filters": 8, "branch_filters": 5}
    return deeplab(variant, multi_scale, classes=3, pools=pools, **sizes).eval()  # type: ignore[arg-type]


def parameters(net: nn.Module) -> int:
    kernels = {id(m.weight) for m in net.modules() if isinstance(m, BilinearUpsampling)}
    return sum(p.numel() for p in net.parameters() if id(p) not in kernels)


@pytest.mark.parametrize(
    ("variant", "fc6", "millions"),
    [
        ("base", 4 * 4 * 512 * 4096 + 4096, 65.1),
        ("4x4", 4 * 4 * 512 * 4096 + 4096, 65.1),
        ("7x7", 7 * 7 * 512 * 4096 + 4096, 134.3),
        ("large_fov", 3 * 3 * 512 * 1024 + 1024, 20.5),
    ],
)
def test_parameters_are_those_of_table_1(variant: str, fc6: int, millions: float) -> None:
    with torch.device("meta"):
        net = deeplab(variant)
    filters = VARIANTS[variant].filters
    count = 14_714_688 + fc6 + (filters + 1) * filters + (filters + 1) * 21
    assert parameters(net) == count
    assert round(count / 1e6, 1) == millions


def test_fields_of_view_are_those_of_table_1() -> None:
    """The paper counts the cells between the outer taps of fc6, 8 pixels each, and the 32 pixels that a cell
    of VGG16 stands for: 6 * 4 * 8 + 32 = 224 = 3 * 8 * 8 + 32 = 2 * 12 * 8 + 32, and 3 * 4 * 8 + 32 = 128.
    Every cell of pool5 sees 212 pixels and more, so no true receptive field gives these figures.
    """
    fields = {name: variant.field_of_view for name, variant in VARIANTS.items()}
    assert fields == {"base": 128, "4x4": 224, "7x7": 224, "large_fov": 224}


def test_what_a_score_really_sees() -> None:
    """fc6 reaches over 6 * 4 * 8 pixels more than a cell of pool5 sees. That is 92 (with 3x3 pools 99) up to
    conv4_3, 16 more in pool4 (3x3 on stride 8), 96 in conv5 (dilation 2), 16 in pool5.
    """
    for name, pool5 in (("7x7", 92 + 16 + 96 + 16), ("large_fov", 99 + 16 + 96 + 16)):
        net = small(name)
        variant = VARIANTS[name]
        assert net.backbone.grids["pool5"].field == pool5
        score = through(net.fc6, net.backbone.grids["pool5"])
        assert score.field == pool5 + (variant.kernel - 1) * variant.rate * 8
        assert score.stride == 8


def test_306_gives_39_cells_and_321_gives_41() -> None:
    # 2x2 poolings round up: 306, 153, 77, 39. 3x3 with padding: 321, 161, 81, 41, as 32 k - 31 stays odd.
    for variant, size, cells in (("base", 306, 39), ("7x7", 306, 39), ("large_fov", 321, 41)):
        net = small(variant).to("meta")
        assert net.cells(torch.empty(1, 3, size, size, device="meta")).shape[-2:] == (cells, cells)


@pytest.mark.slow
@pytest.mark.parametrize("pools", ["release", "exact"])
@pytest.mark.parametrize("multi_scale", [False, True])
@pytest.mark.parametrize("variant", list(VARIANTS))
def test_any_size_gives_scores_of_that_size_and_labels_subsampled_by_8(
    variant: str, multi_scale: bool, pools: str
) -> None:
    net = small(variant, multi_scale, pools).to("meta")
    for size in [(1, 1), (500, 375), (1000, 700), *[(n, 40 - n) for n in range(1, 18)]]:
        image = torch.empty(1, 3, *size, device="meta")
        assert net.eval()(image).shape == (1, 3, *size)
        labels = net.sampled(torch.zeros(1, *size))
        assert net.train()(image).shape[-2:] == labels.shape[-2:] == (-(-size[0] // 8), -(-size[1] // 8))


def test_labels_are_those_of_the_pixels_that_cells_lie_on() -> None:
    labels = torch.arange(20).expand(1, 20, 20)
    assert small("large_fov").sampled(labels)[0, 0].tolist() == [0, 8, 16]  # cells lie on 8 i
    assert small("base").sampled(labels)[0, 0].tolist() == [3, 11, 19]  # on 8 i + 3.5


@pytest.mark.parametrize(
    ("variant", "size", "multi_scale", "pools"),
    [
        ("base", 192, False, "release"),
        ("4x4", 192, False, "release"),
        ("7x7", 192, False, "release"),
        ("7x7", 480, False, "exact"),
        ("large_fov", 449, False, "release"),
        ("large_fov", 449, False, "exact"),
        ("large_fov", 449, True, "release"),
    ],
)
def test_the_response_to_a_delta_image_is_centred_on_it(
    variant: str, size: int, multi_scale: bool, pools: str
) -> None:
    """Filters are means, so the response to a dot in the middle must be its own mirror image. Multi-scale
    branches of nets with 2x2 poolings lie up to half a cell aside, so these are left out.
    """
    net = small(variant, multi_scale, pools)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    net.mean.zero_()
    image = torch.zeros(1, 3, size, size)
    middle = slice((size - 1) // 2, size // 2 + 1)
    image[..., middle, middle] = 1e6
    with torch.inference_mode():
        response = net(image)[0, 0] / net(image).max()
    assert torch.allclose(response, response.flip(0), atol=1e-5)
    assert torch.allclose(response, response.flip(1), atol=1e-5)
    assert response[0, 0] < 0.9 * response.max(), "a flat response would prove nothing"


def test_evaluation_interpolates_the_cells_of_training() -> None:
    net = small("large_fov")
    image = torch.rand(1, 3, 65, 41) * 255
    with torch.inference_mode():
        assert torch.allclose(net(image)[..., ::8, ::8], net.cells(image), atol=1e-5)


@pytest.mark.parametrize(("variant", "kernel", "field"), [("7x7", 7, 404), ("base", 4, 308)])
def test_exact_pools_give_the_scores_of_shift_and_stitch(variant: str, kernel: int, field: int) -> None:
    """VGG16 of stride 32 with a 7x7 fc6 sees 404 pixels, with 4x4 308. From pool3 it has stride 4: its cells
    for pool3 shifted by 0 to 3 both ways, interlaced, are those of the net with holes, wherever no window
    reaches over the border.
    """
    net = small(variant, pools="exact")
    grid = through(net.fc6, net.backbone.grids["pool5"])
    assert (int(grid.field), int(grid.stride)) == (field, 8)

    layers = dict(net.backbone.named_children())
    names = list(layers)
    plain = nn.Sequential()
    for name in names[names.index("pool3") + 1 :]:
        layer = copy.deepcopy(layers[name])
        if isinstance(layer, nn.Conv2d):
            layer.dilation = layer.padding = (1, 1)
        if not isinstance(layer, nn.ZeroPad2d):
            plain.append(nn.MaxPool2d(2, 2, ceil_mode=True) if isinstance(layer, nn.MaxPool2d) else layer)
    fc6 = copy.deepcopy(net.fc6)
    fc6.padding, fc6.dilation = (0, 0), (1, 1)
    plain.append(fc6)

    cells = 64
    image = torch.rand(1, 3, 8 * cells, 8 * cells) * 255
    with torch.inference_mode():
        x = net.normalise(image)
        for name in names[: names.index("pool3") + 1]:
            x = layers[name](x)
        stitched = shift_and_stitch(plain, x, 4)
        found = net.fc6(net.backbone(net.normalise(image))["pool5"])
    # Cell 0 of the plain net lies in the middle of the first kernel x kernel cells of 32 pixels, on
    # 15.5 + 16 (kernel - 1); with holes cell i lies on 15.5 + 8 i.
    first = 2 * (kernel - 1)
    inner = slice(-(-(field - 32) // 16), (8 * cells - field // 2 - 16) // 8)
    window = slice(inner.start - first, inner.stop - first)
    assert inner.stop - inner.start >= 12
    assert found.std() > 0.1
    assert torch.allclose(found[..., inner, inner], stitched[..., window, window], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("multi_scale", [False, True])
def test_depth_can_be_a_fourth_channel(multi_scale: bool) -> None:
    net = deeplab("large_fov", multi_scale, classes=3, in_channels=4, widths=NARROW, filters=8).eval()
    assert net.mean.flatten().tolist() == pytest.approx([92.318, 97.203, 116.190, 7.844])
    image = torch.rand(1, 4, 33, 41) * 255
    other = image.clone()
    other[:, 3] += 50
    with torch.inference_mode():
        assert net(image).shape == (1, 3, 33, 41)
        assert not torch.equal(net.backbone(image)["pool5"], net.backbone(other)["pool5"])
    with pytest.raises(ValueError, match="in_channels is at least 1, not 0"):
        deeplab(in_channels=0)


def test_pools_are_the_releases_or_exact() -> None:
    with pytest.raises(ValueError, match='pools is "release" or "exact", not "dense"'):
        deeplab(pools="dense")


def test_multi_scale_adds_128_channels_for_the_image_and_each_of_four_poolings() -> None:
    with torch.device("meta"):
        net = deeplab("large_fov", multi_scale=True)
    assert net.fc8_msc.in_channels == 5 * 128 == 640
    kernels = [
        (conv.kernel_size[0], conv.out_channels)
        for branch in net.branches.values()
        for conv in branch.modules()
        if isinstance(conv, nn.Conv2d)
    ]
    assert kernels == [(3, 128), (1, 128)] * 5


def test_each_branch_sees_the_image_or_the_pooling_of_its_name() -> None:
    net = small("large_fov", multi_scale=True)
    outputs: dict[str, torch.Tensor] = {}
    inputs: dict[str, torch.Tensor] = {}
    for name, layer in net.backbone.named_children():
        layer.register_forward_hook(lambda _, i, o, name=name: outputs.__setitem__(name, o.clone()))
    for name, branch in net.branches.items():
        branch.register_forward_pre_hook(lambda _, i, name=name: inputs.__setitem__(name, i[0].clone()))
    image = torch.rand(1, 3, 33, 41) * 255
    with torch.inference_mode():
        net(image)
    assert list(inputs) == ["image", "pool1", "pool2", "pool3", "pool4"]
    assert torch.equal(inputs["image"], net.normalise(image))
    assert all(torch.equal(inputs[name], outputs[name]) for name in ("pool1", "pool2", "pool3", "pool4"))


def test_only_the_new_weights_of_a_multi_scale_net_learn() -> None:
    net = small("large_fov", multi_scale=True)
    learning = {name.split(".")[0] for name, p in net.named_parameters() if p.requires_grad}
    assert learning == {"branches", "fc8_msc"}
    assert all(p.requires_grad for n, p in net.named_parameters() if n.startswith(("branches", "fc8_msc")))


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_branches_lie_on_the_cells_of_the_main_path(variant: str) -> None:
    net = small(variant, multi_scale=True)
    main = through(net.fc6, net.backbone.grids["pool5"])
    assert len(net.branches) == 5
    for name, branch in net.branches.items():
        source = net.backbone.grids.get(name, Grid())
        grid = source
        for layer in branch.children():
            grid = through(layer, grid)
        assert grid.stride == 8
        assert 0 <= main.offset - grid.offset <= source.stride / 2


def test_a_wrong_variant_lists_those_there_are() -> None:
    with pytest.raises(ValueError, match='base, 4x4, 7x7, large_fov, got "5x5"'):
        deeplab("5x5")
    with pytest.raises(ValueError, match='vgg16 or alexnet, not on "resnet"'):
        deeplab(backbone="resnet")


def test_the_trunk_has_the_papers_rates() -> None:
    trunk = vgg16_trunk(output_stride=8, widths=(1, 1, 1, 1, 1))
    rates = {name: m.dilation[0] for name, m in trunk.named_children() if isinstance(m, nn.Conv2d)}
    assert {rates["conv4_3"]} == {1}
    assert {rates[f"conv5_{i}"] for i in (1, 2, 3)} == {2}
    assert trunk.grids["pool5"].stride == 8


@pytest.mark.parametrize("origin", ["caffe", "torchvision"])
def test_alexnet_with_exact_pools_is_alexnet_run_densely(origin: str) -> None:
    """Every fourth cell of each row and column is one of the net of stride 32."""
    torch.manual_seed(0)
    coarse = alexnet_trunk(origin=origin).eval()
    dense = alexnet_trunk(origin=origin, output_stride=8, exact_pools=True).eval()
    dense.load_state_dict(coarse.state_dict())
    image = torch.rand(1, 3, 193, 161)
    with torch.inference_mode():
        cells, expected = dense(image)["pool5"], coarse(image)["pool5"]
    assert cells.shape[2:] == (25, 21)
    assert torch.allclose(cells[..., ::4, ::4], expected, atol=1e-5 * float(expected.abs().max()))
    grid = dense.grids["pool5"]
    assert (int(grid.stride), int(grid.offset)) == (8, 0)


def test_large_fov_on_alexnet_scores_every_eighth_pixel_with_a_field_of_view_of_224() -> None:
    net = deeplab(classes=3, backbone="alexnet", filters=8)
    assert (net.field_of_view, net.fc6.dilation, net.fc6.in_channels) == (224, (12, 12), 256)
    with torch.inference_mode():
        assert net.train()(torch.zeros(1, 3, 65, 97)).shape == (1, 3, 9, 13)
        assert net.eval()(torch.zeros(1, 3, 65, 98)).shape == (1, 3, 65, 98)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"variant": "7x7"}, "6x6"),
        ({"multi_scale": True}, "no branches"),
        ({"origin": "theano"}, "origin is"),
    ],
)
def test_what_alexnet_cannot_be_is_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        deeplab(backbone="alexnet", **settings)  # type: ignore[arg-type]
