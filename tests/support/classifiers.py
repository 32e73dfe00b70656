"""Classifiers of ten classes with random weights that keep the scale of what passes."""

import torch
import torchvision
from torch import nn
from torchvision.models.vgg import VGG, cfgs, make_layers


def lenet() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def alexnet() -> nn.Module:
    """With 32 instead of 4,096 numbers in the linear layers."""
    net: nn.Module = torchvision.models.alexnet(num_classes=10)
    net.classifier = nn.Sequential(nn.Dropout(), nn.Linear(256 * 36, 32), nn.ReLU(), nn.Linear(32, 10))
    return net


def vgg16() -> nn.Module:
    """With an eighth of its channels, and 32 instead of 4,096 numbers in the linear layers."""
    widths = [width if width == "M" else int(width) // 8 for width in cfgs["D"]]
    net: nn.Module = VGG(make_layers(widths), num_classes=10, init_weights=False)
    net.classifier = nn.Sequential(nn.Linear(64 * 49, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, 10))
    return net


def googlenet() -> nn.Module:
    net: nn.Module = torchvision.models.googlenet(num_classes=10, aux_logits=False, init_weights=False)
    return net


def resnet18() -> nn.Module:
    net: nn.Module = torchvision.models.resnet18(num_classes=10)
    return net


def squeezenet() -> nn.Module:
    net: nn.Module = torchvision.models.squeezenet1_1(num_classes=10)
    return net


CLASSIFIERS = {
    "lenet": lenet,
    "alexnet": alexnet,
    "vgg16": vgg16,
    "googlenet": googlenet,
    "resnet18": resnet18,
    "squeezenet": squeezenet,
}


def random_classifier(name: str) -> nn.Module:
    """In evaluation mode; every layer has a say in the scores."""
    torch.manual_seed(0)
    net = CLASSIFIERS[name]()
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return net.eval()


def scores_of(net: nn.Module, image: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        scores: torch.Tensor = net(image)
    return scores
