"""Nets of the catalogue in small, and their weights as Caffe would have written them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from caffe_files import Layer, Values, caffemodel
from torch import nn

from pixelwise.models.layers.bilinear import BilinearUpsampling
from pixelwise.models.nets.fcn import FCN, fcn
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.paper_nets import CATALOGUE

WIDTHS, FILTERS = (4, 4, 6, 8, 8), 16


def small_fcn(stride: int = 8, classes: int = 5, at_once: bool = False) -> FCN:
    """The release's form of FCN on a thin VGG16."""
    net = fcn("vgg16", stride, classes, at_once=at_once, widths=WIDTHS, filters=FILTERS)
    assert isinstance(net, FCN)
    return net


def make_catalogue_small(patch: pytest.MonkeyPatch) -> None:
    """FCN-8s, by stages and at once, and FCN-32s of the catalogue become thin."""
    for name in ("fcn8s-vgg16", "fcn8s-at-once-vgg16", "fcn32s-vgg16"):
        arguments = {**CATALOGUE[name].arguments, "widths": WIDTHS, "filters": FILTERS}
        patch.setitem(CATALOGUE, name, replace(CATALOGUE[name], arguments=arguments))
    alexnet = CATALOGUE["fcn32s-alexnet"]
    thin = replace(alexnet, arguments={**alexnet.arguments, "filters": FILTERS})
    patch.setitem(CATALOGUE, "fcn32s-alexnet", thin)


def with_random_weights(net: SegmentationNet) -> SegmentationNet:
    """Scores and biases, zero at the start, become random too."""
    for name, parameter in net.named_parameters():
        if name.endswith("bias") or "score_" in name:
            nn.init.normal_(parameter, std=0.1)
    return net.eval()


def as_caffe(net: SegmentationNet, version: int = 2, inner_products: bool = False) -> bytes:
    """The net as Caffe stores it: BGR, dense deconvolutions, layers that scale skips; fc6 and fc7 as inner
    products if asked.
    """
    return caffemodel(caffe_layers(net, inner_products), version, name="FCN")


def as_classifier(net: FCN, version: int = 1) -> bytes:
    """The classifier that an FCN was made from, as Caffe stores it, for ten classes."""
    layers = [layer for layer in caffe_layers(net, True) if "score" not in layer.name]
    name = "fc8" if any(layer.name == "fc7" for layer in layers) else "loss3/classifier"
    weight, bias = np.ones((10, net.score_fr.in_channels), np.float32), np.zeros(10, np.float32)
    return caffemodel([*layers, Layer(name, ("InnerProduct", 14), [weight, bias])], version, name="ImageNet")


def caffe_layers(net: SegmentationNet, inner_products: bool = False) -> list[Layer]:
    """The layers with weights as Caffe stores them."""
    layers = []
    if isinstance(net, FCN):
        for skip, factor in zip(net.skips, net.scales, strict=True):
            if factor != 1:
                factors = np.full(net.backbone.channels[skip], factor, np.float32)
                layers.append(Layer(f"scale_{skip}", ("Scale", 0), [factors]))
    for place, module in net.named_modules():
        if not hasattr(module, "weight"):
            continue
        name = place.removeprefix("backbone.").replace(".", "/")
        weight: Values = module.weight.detach().numpy()
        kind = ("Convolution", 4)
        if isinstance(module, BilinearUpsampling):
            kind = ("Deconvolution", 39)
            weight = np.zeros((len(weight), len(weight), *weight.shape[2:]), np.float32)
            own = np.arange(len(weight))
            weight[own, own] = module.weight.detach().numpy()[:, 0]
        elif inner_products and name in ("fc6", "fc7"):
            kind, weight = ("InnerProduct", 14), weight.reshape(len(weight), -1)
        if name in ("conv1_1", "conv1", "conv1/7x7_s2"):
            weight = np.ascontiguousarray(weight[:, ::-1])
        bias = getattr(module, "bias", None)
        blobs = [weight] if bias is None else [weight, bias.detach().numpy()]
        layers.append(Layer(name, kind, blobs))
    return layers


def scores_of(net: SegmentationNet, height: int = 37, width: int = 50) -> torch.Tensor:
    """The scores of one fixed image."""
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8, generator=generator)
    with torch.inference_mode():
        scores: torch.Tensor = net.eval()(image)
    return scores
