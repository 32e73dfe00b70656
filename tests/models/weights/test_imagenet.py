"""torchvision's classifiers in the papers' nets."""

import hashlib
from pathlib import Path

import pytest
import torch
import torchvision
from classifiers import scores_of
from safetensors.torch import save_file
from torch import nn

from pixelwise.core.errors import ModelError
from pixelwise.models.nets.deeplab import deeplab
from pixelwise.models.nets.fcn import FCN, LateFusion, fcn
from pixelwise.models.registry import create
from pixelwise.models.surgery.fully_convolutional import convolutionalize
from pixelwise.models.weights.imagenet import load_imagenet

TRUNK = Path(__file__).parents[4] / "shared/weights/vgg16_trunk_hed_fp16.safetensors"


@pytest.fixture(scope="module")
def vgg16() -> dict[str, torch.Tensor]:
    """The 13 convolutions under torchvision's names."""
    torch.manual_seed(0)
    net = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
    return {f"features.{name}": tensor for name, tensor in net.state_dict().items()}


def random_googlenet() -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = torchvision.models.googlenet(aux_logits=False, init_weights=False, transform_input=True)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                nn.init.uniform_(tensor, 0.5, 1.5)  # type: ignore[arg-type]
            for tensor in (module.bias, module.running_mean):
                nn.init.normal_(tensor, std=0.1)  # type: ignore[arg-type]
    return net.eval()


def test_googlenet_s_features_are_those_of_torchvision(tmp_path: Path) -> None:
    """Batch normalisation folded in, its 3x3 in the place of 5x5, and its own scaling of pixels, which comes
    to (p / 255 - 0.5) / 0.5.
    """
    classifier = random_googlenet()
    torch.save(classifier.state_dict(), tmp_path / "googlenet.pth")
    net = fcn("googlenet", 32, origin="torchvision")
    assert isinstance(net, FCN)
    load_imagenet(net, tmp_path / "googlenet.pth")
    net.backbone.get_submodule("conv1/7x7_s2").padding = (3, 3)  # type: ignore[assignment]

    image = torch.randint(0, 256, (1, 3, 96, 128)).float()
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    usual = (image / 255 - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
    features = convolutionalize(classifier, (96, 128), pooling="drop")
    expected: list[torch.Tensor] = []
    features.get_submodule("dropout").register_forward_hook(lambda _, __, out: expected.append(out))
    scores_of(features, usual)
    found = scores_of(lambda x: net.backbone(net.normalise(x))["inception_5b"], image)  # type: ignore[arg-type]
    assert torch.allclose(found, expected[0], atol=1e-3 * float(expected[0].std()))


def test_alexnet_s_scores_are_those_of_torchvision(tmp_path: Path) -> None:
    torch.manual_seed(0)
    classifier = torchvision.models.alexnet().eval()
    classifier.classifier[1], classifier.classifier[4] = nn.Linear(256 * 36, 16), nn.Linear(16, 16)
    classifier.classifier[6] = nn.Linear(16, 10)
    torch.save(classifier.state_dict(), tmp_path / "alexnet.pth")
    net = fcn("alexnet", 32, origin="torchvision", filters=16).eval()
    assert isinstance(net, FCN)
    report = load_imagenet(net, tmp_path / "alexnet.pth")
    assert report.coerced == ("fc6.weight", "fc7.weight")
    net.backbone.get_submodule("conv1").padding = (2, 2)  # type: ignore[assignment]
    for pool in (m for m in net.backbone.modules() if isinstance(m, nn.MaxPool2d)):
        pool.ceil_mode = False
    image = torch.randint(0, 256, (1, 3, 224, 224)).float()

    def fc7(x: torch.Tensor) -> torch.Tensor:
        x = net.backbone(net.normalise(x))["pool5"]
        return net.get_submodule("fc7")(torch.relu(net.get_submodule("fc6")(x)))  # type: ignore[no-any-return]

    features = convolutionalize(classifier, (224, 224))
    expected: list[torch.Tensor] = []
    fourth = features.get_submodule("classifier.4")
    fourth.register_forward_hook(lambda _, __, out: expected.append(out.clone()))  # a ReLU works in place
    scores_of(features, (image - net.mean) / net.std)
    assert torch.allclose(scores_of(fc7, image), expected[0], atol=1e-4)  # type: ignore[arg-type]


def test_vgg16_s_convolutions_arrive_by_name(tmp_path: Path, vgg16: dict[str, torch.Tensor]) -> None:
    save_file(vgg16, tmp_path / "vgg16.safetensors")
    net = fcn("vgg16", 32, filters=8)
    report = load_imagenet(net, tmp_path / "vgg16.safetensors")
    assert torch.equal(net.state_dict()["backbone.conv1_1.weight"], vgg16["features.0.weight"])
    assert torch.equal(net.state_dict()["backbone.conv5_3.bias"], vgg16["features.28.bias"])
    assert net.mean.flatten().tolist() == pytest.approx([123.675, 116.28, 103.53])
    assert net.std.flatten().tolist() == pytest.approx([58.395, 57.12, 57.375])
    assert "fc6.weight" in report.left, "this file has no classifier"


def test_a_file_for_bgr_is_turned_to_rgb(tmp_path: Path, vgg16: dict[str, torch.Tensor]) -> None:
    save_file(vgg16, tmp_path / "bgr.safetensors", {"input": "BGR, 0-255, minus (104, 117, 123)"})
    net = deeplab("large_fov", filters=8)
    load_imagenet(net, tmp_path / "bgr.safetensors")
    assert torch.equal(net.state_dict()["backbone.conv1_1.weight"], vgg16["features.0.weight"].flip(1))
    assert net.mean.flatten().tolist() == pytest.approx([122.67892, 116.66877, 104.00699])
    assert net.std.flatten().tolist() == [1, 1, 1]


@pytest.mark.parametrize("channels", [1, 2])
def test_a_net_of_fewer_bands_than_colours_starts_from_their_mean(
    channels: int, tmp_path: Path, vgg16: dict[str, torch.Tensor]
) -> None:
    save_file(vgg16, tmp_path / "vgg16.safetensors")
    net = fcn("vgg16", 32, in_channels=channels, filters=8)
    load_imagenet(net, tmp_path / "vgg16.safetensors")
    first = net.state_dict()["backbone.conv1_1.weight"]
    colours = vgg16["features.0.weight"]
    assert first.shape[1] == channels
    assert torch.allclose(first.sum(1), colours.sum(1), atol=1e-6)


def test_grey_weights_fit_a_net_of_one_channel(tmp_path: Path, vgg16: dict[str, torch.Tensor]) -> None:
    grey = vgg16 | {"features.0.weight": vgg16["features.0.weight"][:, :1].contiguous()}
    save_file(grey, tmp_path / "vgg16.safetensors")
    net = fcn("vgg16", 32, in_channels=1, filters=8)
    load_imagenet(net, tmp_path / "vgg16.safetensors")
    assert torch.equal(net.state_dict()["backbone.conv1_1.weight"], grey["features.0.weight"])


def test_a_net_that_ends_at_pool4_takes_the_layers_before_it(
    tmp_path: Path, vgg16: dict[str, torch.Tensor]
) -> None:
    save_file(vgg16, tmp_path / "vgg16.safetensors")
    net = create("fcn16s-pool4-only-vgg16", 5, str(tmp_path / "vgg16.safetensors"))
    assert torch.equal(net.state_dict()["backbone.conv4_3.weight"], vgg16["features.21.weight"])
    assert net.mean.flatten().tolist() == pytest.approx([123.675, 116.28, 103.53])


@pytest.mark.skipif(not TRUNK.exists(), reason="the shared weights of VGG16 are not on this machine")
def test_the_shared_weights_load() -> None:
    net = fcn("vgg16", 8, filters=8)
    assert len(load_imagenet(net, TRUNK).copied) == 26


def test_fc6_and_fc7_begin_small_where_the_file_has_none(
    tmp_path: Path, vgg16: dict[str, torch.Tensor]
) -> None:
    save_file(vgg16, tmp_path / "vgg16.safetensors")
    net = deeplab("large_fov")
    usual = net.fc6.weight.std().item()
    load_imagenet(net, tmp_path / "vgg16.safetensors")
    assert usual == pytest.approx((2 / (9 * 512)) ** 0.5, rel=0.01)  # He's: 0.0208
    for layer in (net.fc6, net.fc7):
        assert layer.weight.std().item() == pytest.approx(0.005, rel=0.01)


def test_fc6_and_fc7_are_decimated_for_deeplab(tmp_path: Path, vgg16: dict[str, torch.Tensor]) -> None:
    wide = 16
    fc6, fc7 = torch.randn(wide, 512 * 49), torch.randn(wide, wide)
    fc_layers = {"classifier.0.weight": fc6, "classifier.0.bias": fc6[:, 0].clone()}
    fc_layers |= {"classifier.3.weight": fc7, "classifier.3.bias": fc7[:, 0].clone()}
    save_file({**vgg16, **fc_layers}, tmp_path / "vgg16.safetensors")
    net = deeplab("large_fov", filters=4)
    load_imagenet(net, tmp_path / "vgg16.safetensors")
    kernel = fc6.view(wide, 512, 7, 7)
    assert torch.equal(net.fc6.weight, kernel[::4, :, ::3, ::3])
    assert torch.equal(net.fc7.weight[:, :, 0, 0], fc7[::4, ::4])
    assert net.fc7.bias is not None
    assert torch.equal(net.fc7.bias, fc7[::4, 0])


def with_classifier(
    vgg16: dict[str, torch.Tensor], fc6: tuple[int, int], fc7: tuple[int, int], biases: int
) -> dict[str, torch.Tensor]:
    """The weights with linear layers of these shapes."""
    layers = {"classifier.0.weight": torch.ones(fc6), "classifier.3.weight": torch.ones(fc7)}
    return {**vgg16, **layers, **{f"classifier.{n}.bias": torch.ones(biases) for n in (0, 3)}}


MISFITS = [
    pytest.param((16, 512), (16, 16), 16, id="behind a global average"),
    pytest.param((16, 1000), (16, 16), 16, id="no square of taps"),
    pytest.param((15, 512 * 49), (15, 15), 15, id="no multiple of the filters"),
    pytest.param((16, 512 * 49), (16, 8), 16, id="fc7 on other filters"),
    pytest.param((16, 512 * 49), (16, 16), 8, id="biases of other filters"),
]


@pytest.mark.parametrize(("fc6", "fc7", "biases"), MISFITS)
def test_a_classifier_that_does_not_fit_is_refused_by_deeplab_and_left_out_by_fcn(
    tmp_path: Path,
    vgg16: dict[str, torch.Tensor],
    capsys: pytest.CaptureFixture[str],
    fc6: tuple[int, int],
    fc7: tuple[int, int],
    biases: int,
) -> None:
    path = tmp_path / "v.safetensors"
    save_file(with_classifier(vgg16, fc6, fc7, biases), path)
    with pytest.raises(ModelError, match=r"v\.safetensors: expected fc6 .* and fc7") as refused:
        load_imagenet(deeplab("large_fov", filters=4), path)
    assert "or one without these layers" in str(refused.value.hint)
    report = load_imagenet(fcn("vgg16", 32, filters=16), path)
    assert {"fc6.weight", "fc6.bias", "fc7.weight", "fc7.bias"} <= set(report.left)
    assert f"{path}: fc6 and fc7 are left out" in capsys.readouterr().err


def test_filters_of_other_channels_than_colour_are_refused(
    tmp_path: Path, vgg16: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "v.safetensors"
    save_file({**vgg16, "features.0.weight": torch.ones(64, 4, 3, 3)}, path)
    for net in (fcn("vgg16", 32, filters=8), deeplab("large_fov", filters=8)):
        with pytest.raises(
            ModelError, match=r"v\.safetensors: .* is \(64, 4, 3, 3\), expected .* 3 channels"
        ):
            load_imagenet(net, path)


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "taps"), [("large_fov", [0, 2, 5]), ("4x4", [0, 2, 3, 5])])
def test_deeplab_on_alexnet_takes_the_classifier_it_stands_on(
    tmp_path: Path, variant: str, taps: list[int]
) -> None:
    torch.manual_seed(0)
    classifier = torchvision.models.alexnet()
    wide = 16
    classifier.classifier[1], classifier.classifier[4] = nn.Linear(9216, wide), nn.Linear(wide, wide)
    torch.save(classifier.state_dict(), tmp_path / "alexnet.pth")
    net = deeplab(variant, backbone="alexnet", origin="torchvision", filters=4)
    load_imagenet(net, tmp_path / "alexnet.pth")
    kernel = classifier.classifier[1].weight.view(wide, 256, 6, 6)
    assert torch.equal(net.fc6.weight, kernel[::4][:, :, taps][..., taps])
    assert torch.equal(net.backbone.get_parameter("conv5.weight"), classifier.features[10].weight)
    assert net.eval()(torch.zeros(1, 3, 40, 50)).isfinite().all()


def test_a_classifier_that_lacks_fc7_gives_deeplab_its_trunk_alone(
    tmp_path: Path, vgg16: dict[str, torch.Tensor]
) -> None:
    fc6 = torch.ones(16, 512 * 49)
    save_file(
        {**vgg16, "classifier.0.weight": fc6, "classifier.0.bias": fc6[:, 0].clone()},
        tmp_path / "v.safetensors",
    )
    net = deeplab("large_fov", filters=4)
    report = load_imagenet(net, tmp_path / "v.safetensors")
    assert {"fc6.weight", "fc7.weight"} <= set(report.left)
    assert net.fc6.weight.std().item() == pytest.approx(0.005, rel=0.1)


def test_depth_begins_as_the_mean_over_colours(tmp_path: Path, vgg16: dict[str, torch.Tensor]) -> None:
    save_file(vgg16, tmp_path / "bgr.safetensors", {"input": "BGR"})
    net = fcn("vgg16", 32, in_channels=4, filters=8)
    load_imagenet(net, tmp_path / "bgr.safetensors")
    first = net.state_dict()["backbone.conv1_1.weight"]
    assert torch.allclose(first[:, 3], vgg16["features.0.weight"].mean(1))


def test_both_streams_of_late_fusion_begin_alike(tmp_path: Path, vgg16: dict[str, torch.Tensor]) -> None:
    save_file(vgg16, tmp_path / "bgr.safetensors", {"input": "BGR"})
    net = fcn("vgg16", 32, in_channels=6, filters=8)
    load_imagenet(net, tmp_path / "bgr.safetensors")
    assert isinstance(net, LateFusion)
    colour, other = (stream.state_dict()["backbone.conv1_1.weight"] for stream in (net.colour, net.other))
    assert torch.equal(colour.flip(1), other), "the release gives HHA to the filters of BGR"
    assert net.other.mean.flatten().tolist() == pytest.approx([132.431, 94.076, 118.477])


def test_a_file_of_another_net_is_refused(tmp_path: Path, vgg16: dict[str, torch.Tensor]) -> None:
    save_file(vgg16, tmp_path / "vgg16.safetensors")
    with pytest.raises(ModelError, match=r"has no conv1\.conv\.weight"):
        load_imagenet(fcn("googlenet", 32), tmp_path / "vgg16.safetensors")


def test_torchvisions_alexnet_does_not_fit_caffes(tmp_path: Path) -> None:
    widths, channels = (64, 192, 384, 256, 256), 3
    tensors: dict[str, torch.Tensor] = {}
    for index, (width, kernel) in enumerate(zip(widths, (11, 5, 3, 3, 3), strict=True)):
        place = f"features.{(0, 3, 6, 8, 10)[index]}"
        tensors |= {f"{place}.weight": torch.zeros(width, channels, kernel, kernel)}
        tensors |= {f"{place}.bias": torch.zeros(width)}
        channels = width
    save_file(tensors, tmp_path / "alexnet.safetensors")
    with pytest.raises(ModelError, match='origin="torchvision"'):
        load_imagenet(fcn("alexnet", 32, filters=8), tmp_path / "alexnet.safetensors")


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    content = b"cut off"
    path = tmp_path / "vgg16-397923af.pth"
    path.write_bytes(content)
    found = hashlib.sha256(content).hexdigest()[:8]
    with pytest.raises(ModelError, match=f"damaged: its sha256 begins with {found}, not 397923af"):
        load_imagenet(fcn("vgg16", 32, filters=8), path)


def test_without_the_network_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(ModelError, match="give the file's path"):
        load_imagenet(fcn("vgg16", 32, filters=8), "torchvision")
