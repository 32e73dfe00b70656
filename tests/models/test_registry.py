"""Nets by name: the papers' nets, skip_fcn and registered ones."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

import pixelwise
from pixelwise.models import registry
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.recipe_net import build_net


class OneLayer(SegmentationNet):
    """Scores by a single 1x1 convolution."""

    def __init__(self, classes: int, in_channels: int, dropout: float) -> None:
        super().__init__((0.0,) * in_channels, (1.0,) * in_channels)
        self.score_stride, self.dropout = 1, dropout
        self.layer = nn.Conv2d(in_channels, classes, 1)

    def freeze(self, stages: int) -> None:
        pass

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.layer(self.normalise(image))
        return scores


@pytest.fixture
def one_layer(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(registry, "_OTHERS", dict(registry._OTHERS))

    @pixelwise.models.register("one-layer", channels=(3, 5), settings=("dropout",))
    def one_layer(classes: int, in_channels: int = 3, dropout: float = 0.5) -> OneLayer:
        return OneLayer(classes, in_channels, dropout)

    yield "one-layer"


def test_the_list_holds_skip_fcn_and_the_nets_of_the_papers() -> None:
    assert pixelwise.models.list_models() == ["skip_fcn", *CATALOGUE]
    assert len(CATALOGUE) >= 19


def test_listing_names_needs_no_torch() -> None:
    code = "import pixelwise, sys; pixelwise.models.list_models(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_registered_net_is_created_and_listed_by_its_name(one_layer: str) -> None:
    net = pixelwise.models.create(one_layer, classes=4, in_channels=5)
    assert net(torch.zeros(1, 5, 7, 9)).shape == (1, 4, 7, 9)
    assert "one_layer" in pixelwise.models.list_models()


def test_a_recipe_trains_a_registered_net_with_its_settings(one_layer: str) -> None:
    settings = ["net=one-layer", "backbone_weights=none", "dropout=0.25"]
    net = build_net(Recipe("r", "folder:x").override(settings), 2)
    assert isinstance(net, OneLayer)
    assert net.dropout == 0.25


def test_a_name_is_registered_once(one_layer: str) -> None:
    for name in (one_layer, "one_layer", "skip_fcn", "fcn8s_vgg16"):
        with pytest.raises(ValueError, match=f'a net "{name}" already exists'):
            pixelwise.models.register(name)


def test_create_names_the_fault_of_an_argument(one_layer: str) -> None:
    create = pixelwise.models.create
    with pytest.raises(ValueError, match='no net "unet"; there are skip_fcn, one_layer, fcn32s'):
        create("unet")
    with pytest.raises(ValueError, match="one-layer takes 3, 5 channels, got 4"):
        create(one_layer, in_channels=4)
    with pytest.raises(ValueError, match='one-layer takes the weights "none", got "torchvision"'):
        create(one_layer, weights="torchvision")
    with pytest.raises(ValueError, match='takes the weights "none", "torchvision" or a file, got "timm"'):
        create("deeplab-base", weights="timm")
    with pytest.raises(ValueError, match="deeplab-base takes at least 1 channel, got 0"):
        create("deeplab-base", in_channels=0)
    with pytest.raises(ValueError, match='fcn8s-alexnet is built on alexnet, not on "vgg16"'):
        create("fcn8s-alexnet", backbone="vgg16")


def test_skip_fcn_stands_on_the_trunk_asked_for() -> None:
    net = pixelwise.models.create("skip_fcn", 5, backbone="resnet10t", skips=(8,), context=8)
    assert net.eval()(torch.zeros(1, 3, 40, 50)).shape == (1, 5, 40, 50)
    assert [name for name, _ in net.named_modules() if name.endswith("trunk.layer4")] != []


def test_a_net_has_a_whole_number_of_classes() -> None:
    wrong: Any
    for wrong in (0, True, "3", 2.0):
        with pytest.raises(ValueError, match="classes must be a whole number, at least 1, got"):
            pixelwise.models.create("skip_fcn", classes=wrong)
