"""Trunks by timm's names and their weights."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from pixelwise.errors import ModelError
from pixelwise.models.backbones import backbone
from pixelwise.models.weights import load_by_order, packaged_weights, read_tensors

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


def test_a_trunk_without_feature_maps_is_refused_in_our_words() -> None:
    with pytest.raises(ModelError, match="take a convolutional net"):
        backbone("vit_tiny_patch16_224")


def test_weights_of_another_net_are_rejected_by_shape(tmp_path: Path) -> None:
    net = torch.nn.Linear(2, 3)
    with pytest.raises(ModelError, match="the net has 2 tensors, the weights 1"):
        load_by_order(net, {"w": torch.zeros(3, 2)})
    with pytest.raises(ModelError, match=r"weight is \(3, 2\), but the weights' w is \(2, 3\)"):
        load_by_order(net, {"w": torch.zeros(2, 3), "b": torch.zeros(3)})


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
