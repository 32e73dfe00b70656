"""Trunks by timm's names and their weights."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from pixelwise.core.errors import ModelError
from pixelwise.models.layers.frozen_batch_norm import freeze_batch_norm
from pixelwise.models.layers.layout import Layout
from pixelwise.models.nets.skip_fcn import Head, SkipFCN
from pixelwise.models.trunks.timm_trunks import backbone
from pixelwise.models.weights.tensor_files import load_by_order, packaged_weights, read_tensors

TINY = "test_efficientnet"


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_of_a_classifier_file_reach_the_trunk(tmp_path: Path, suffix: str) -> None:
    """Files of the second kind do not keep the order of their tensors; names tell."""
    torch.manual_seed(1)
    classifier = timm.create_model(TINY)
    path = tmp_path / f"tiny{suffix}"
    if suffix == ".pth":  # by order, whatever the names
        torch.save({f"net.{name}": tensor for name, tensor in classifier.state_dict().items()}, path)
    else:
        save_file(classifier.state_dict(), path)
    trunk = backbone(TINY, str(path))
    own = trunk.trunk.state_dict()
    assert len(own) > 50
    assert all(torch.equal(own[name], classifier.state_dict()[name]) for name in own)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("classes", [10, 0])
@pytest.mark.parametrize("name", [TINY, "test_resnet", "test_convnext", "test_vit"])
def test_the_head_of_a_classifier_does_not_matter(
    tmp_path: Path, name: str, classes: int, suffix: str
) -> None:
    """Weights of one's own classes, or of a trunk alone."""
    torch.manual_seed(1)
    state = timm.create_model(name, num_classes=classes).state_dict()
    path = tmp_path / f"own{suffix}"
    if suffix == ".pth":
        torch.save({f"module.{key}": tensor for key, tensor in state.items()}, path)
    else:
        save_file(state, path)
    trunk = backbone(name, str(path)).trunk.state_dict()
    found = {key.replace(".", "_").removeprefix("model_"): tensor for key, tensor in trunk.items()}
    expected = {key.replace(".", "_"): tensor for key, tensor in state.items()}
    assert len(found) > 20
    assert all(torch.equal(tensor, expected[key]) for key, tensor in found.items())


def test_weights_of_another_classifier_are_refused_by_the_usual_one(tmp_path: Path) -> None:
    state = timm.create_model("test_resnet", num_classes=10).state_dict()
    torch.save({**state, "conv1.0.weight": torch.zeros(1, 3, 3, 3)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match=r"other\.pth: conv1\.0\.weight is .* but the weights' .* is \(1, 3"):
        backbone("test_resnet", str(tmp_path / "other.pth"))


def test_packaged_weights_are_checked_and_give_sensible_features() -> None:
    assert packaged_weights("efficientnet_lite2").name.endswith(".pth")
    trunk = backbone("efficientnet_lite2", "package")
    assert trunk.mean == pytest.approx([127] * 3)
    assert trunk.std == pytest.approx([128] * 3)
    assert [level.stride for level in trunk.levels] == [2, 4, 8, 16, 32]


def test_an_unknown_backbone_proposes_near_names() -> None:
    with pytest.raises(ModelError, match=r"near: .*resnet"):
        backbone("resnet_unheard_of")


def test_a_backbone_without_a_package_says_which_have_one() -> None:
    with pytest.raises(ModelError, match="known: efficientnet_lite0"):
        packaged_weights("resnet18")


FAMILIES = {
    "test_resnet": Layout(odd=True, between=False),
    "test_convnext": Layout(odd=False, between=True),
    "repvgg_a0": Layout(odd=True, between=False),
    "densenet121": Layout(odd=False, between=True),
    "hrnet_w18_small": Layout(odd=False, between=False),
    "dla46_c": Layout(odd=False, between=False),
    "pvt_v2_b0": Layout(odd=False, between=False),
    "swin_tiny_patch4_window7_224": Layout(odd=False, between=True),
}
"""Convolutions that pad, patches, identities that are normalised, poolings without overlap, maps of several
strides that are added, attention over a reduced map, and windows, N H W C.
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_gives_maps_of_its_strides_and_a_net_for_any_size(name: str) -> None:
    trunk = backbone(name).eval()
    assert trunk.layout == FAMILIES[name]
    deepest = trunk.levels[-1].stride
    side = trunk.layout.padded(3 * deepest, deepest)
    with torch.inference_mode():
        maps = trunk(torch.zeros(1, 3, side, side))
        for level, map_ in zip(trunk.levels, maps, strict=True):
            cells = (side - 1) // level.stride + 1 if trunk.layout.odd else side // level.stride
            assert map_.shape == (1, level.channels, cells, cells)
        net = SkipFCN(trunk, 2, Head(context=4)).eval()
        for size in ((1, 1), (40, 71)):
            assert net(torch.zeros(1, 3, *size)).shape == (1, 2, *size)


@pytest.mark.parametrize("name", ["test_resnet", "repvgg_a0", "hrnet_w18_small", "dla46_c", "test_byobnet"])
def test_frozen_normalisations_leave_every_map_as_it_is(name: str) -> None:
    torch.manual_seed(0)
    trunk = backbone(name).eval()
    norms = [module for module in trunk.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        torch.nn.init.normal_(norm.weight, 1, 0.1)
        norm.running_mean, norm.running_var = (torch.rand(norm.num_features) + 0.5 for _ in range(2))
    image = torch.randn(1, 3, *[trunk.layout.padded(65, 32)] * 2)
    with torch.inference_mode():
        expected = trunk(image)
        assert freeze_batch_norm(trunk, torch.zeros_like(image)) == len(norms) > 5
        for found, before in zip(trunk(image), expected, strict=True):
            assert torch.allclose(found, before, atol=1e-3 * float(before.std()))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("test_maxvit", "it does not take pictures of .* pixels: .* must be divisible by window"),
        ("test_coatnet", "it does not take pictures of .* pixels: "),
    ],
)
def test_a_trunk_that_does_not_take_any_size_is_refused_by_the_reason(name: str, reason: str) -> None:
    with pytest.raises(ModelError, match=f'the backbone "{name}" cannot carry a segmentation net: {reason}'):
        backbone(name)


def test_a_trunk_without_atrous_convolution_is_refused_for_a_smaller_stride() -> None:
    with pytest.raises(ModelError, match="timm does not build it with output stride 16"):
        backbone("pvt_v2_b0", output_stride=16)


def test_a_trunk_of_one_stride_has_no_level_for_skips() -> None:
    with pytest.raises(ValueError, match=r"no layer of stride 8 for a skip; it has \[16\]"):
        SkipFCN(backbone("test_vit"), 2, Head((8,)))


def test_weights_of_another_net_are_rejected_by_shape(tmp_path: Path) -> None:
    net = torch.nn.Linear(2, 3)
    with pytest.raises(ModelError, match="the net has 2 tensors, the weights 1"):
        load_by_order(net, {"w": torch.zeros(3, 2)})
    with pytest.raises(ModelError, match=r"weight is \(3, 2\), but the weights' w is \(2, 3\)"):
        load_by_order(net, {"w": torch.zeros(2, 3), "b": torch.zeros(3)})


@pytest.mark.parametrize(
    "name",
    [
        *("test_byobnet", "test_convnext", "test_efficientnet", "test_mambaout", "test_nfnet", "test_resnet"),
        *("test_vit", "hrnet_w18_small", "densenet121", "resnetv2_50"),
    ],
)
def test_a_trunk_takes_the_weights_of_its_classifier_from_a_file(tmp_path: Path, name: str) -> None:
    """timm's wrappers rename tensors in different ways."""
    if not timm.is_model(name):
        pytest.skip("timm has this model only in later versions")
    torch.manual_seed(0)
    classifier = timm.create_model(name).eval()
    save_file(
        {key: value.clone() for key, value in classifier.state_dict().items()}, tmp_path / "net.safetensors"
    )
    trunk = backbone(name, str(tmp_path / "net.safetensors")).eval()
    side = trunk.layout.padded(160, trunk.levels[-1].stride)
    picture = torch.rand(1, 3, side, side) - 0.5
    with torch.no_grad():
        found = trunk(picture)[-1]
        expected = classifier.forward_intermediates(picture, intermediates_only=True)[-1]
    if expected.shape != found.shape:
        expected = expected.permute(0, 3, 1, 2)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_weights_may_lack_the_counters_of_batches() -> None:
    """Caffe's files and those of old versions of torch have none."""
    source = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    source.state_dict()["1.running_mean"].normal_()
    tensors = {name: value for name, value in source.state_dict().items() if "num_batches" not in name}
    for given in (tensors, {f"model.{name}": value for name, value in tensors.items()}, source.state_dict()):
        net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
        load_by_order(net, given)
        assert all(torch.equal(net.state_dict()[name], value) for name, value in tensors.items())


@pytest.mark.parametrize("name", ["damaged.pth", "damaged.safetensors", "absent.pth"])
def test_weight_files_that_cannot_be_read_are_named(tmp_path: Path, name: str) -> None:
    if name.startswith("damaged"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=name):
        read_tensors(tmp_path / name)


def test_a_pickle_that_would_run_code_is_not_run(tmp_path: Path) -> None:
    torch.save({"w": Path("/")}, tmp_path / "code.pth")
    with pytest.raises(ModelError, match="cannot be read"):
        read_tensors(tmp_path / "code.pth")


def test_frozen_stages_do_not_learn() -> None:
    trunk = backbone(TINY)
    trunk.freeze(1)
    learning = {
        name.split(".")[2] for name, p in trunk.named_parameters() if p.requires_grad and "blocks" in name
    }
    assert "0" not in learning
    assert "1" in learning
    assert not any(p.requires_grad for name, p in trunk.named_parameters() if "conv_stem" in name)


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "pvt_v2_b0"])
def test_stages_of_any_trunk_freeze_from_the_stem_on(name: str) -> None:
    """What the map of stride 4 or 8 is computed from, and nothing else."""
    trunk = backbone(name)
    before = {key: parameter.requires_grad for key, parameter in trunk.named_parameters()}
    assert all(before.values())
    for stages, stride in ((1, 4), (2, 8)):
        trunk.freeze(stages)
        frozen = {key for key, parameter in trunk.named_parameters() if not parameter.requires_grad}
        assert next(iter(before)) in frozen and 0 < len(frozen) < len(before)
        end = next(level.index for level in trunk.levels if level.stride == stride)
        maps = trunk.train()(torch.zeros(2, 3, 64, 64))
        assert not maps[end].requires_grad
        assert maps[end + 1].requires_grad


def test_a_trunk_whose_stages_are_not_one_after_the_other_cannot_freeze_them() -> None:
    with pytest.raises(ModelError, match="cannot be frozen: its first one already needs a third") as caught:
        backbone("hrnet_w18_small").freeze(1)
    assert caught.value.hint == "set freeze_stages=0"
