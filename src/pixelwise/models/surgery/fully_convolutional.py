"""Make classifiers fully convolutional. Source: Long et al. 2015, section 3.1.

A linear layer on a flattened (C, h, w) map is a convolution whose filter covers that map. So a classifier of
images of one size scores every window of that size in a larger image, at its stride, in one pass. If layers
pad, the classifier has zeros around its window, and the convolutional net has the image there.
"""

import copy
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional as F

from pixelwise.models.surgery.tracing import trace

Size = tuple[int, ...]
Kinds = tuple[Any, ...]
KEPT: Kinds = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Hardswish, nn.Identity, nn.Dropout)
KEPT_FUNCTIONS: Kinds = (F.relu, torch.relu, torch.tanh, torch.sigmoid, F.dropout)
FLATTENS: Kinds = (torch.flatten, torch.reshape, "flatten", "reshape", "view")
POOLS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


def convolutionalize(
    classifier: nn.Module, example_size: tuple[int, int], pooling: str = "window"
) -> fx.GraphModule:
    """A copy of the classifier, in evaluation mode, that maps images (N, C, H, W) of at least `example_size`
    to scores (N, classes, rows, columns).

    The classifier takes images of `example_size` (height, width), flattens its last map, averaged over the
    whole image or not, and ends in linear layers, if any: LeNet, AlexNet, VGG, GoogLeNet, ResNet, SqueezeNet.
    `pooling` "window" makes an average over the image one over the window that the classifier sees, so that
    scores are the classifier's; "drop" leaves it out, as FCN does with GoogLeNet's: scores of single cells.
    Layers keep their names. Raises ValueError with the name of the layer for other kinds of classifiers.
    """
    if pooling not in ("window", "drop"):
        raise ValueError(f'pooling is "window" or "drop", not "{pooling}"')
    net = trace(copy.deepcopy(classifier).eval())
    first = next((module for module in net.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None:
        raise ValueError(f"{type(classifier).__name__} has no convolution")
    with torch.no_grad():
        ShapeProp(net).propagate(first.weight.new_zeros(1, first.in_channels, *example_size))
    nodes = list(net.graph.nodes)
    flattenings = [node for node in nodes if len(_shape(node)) == 2 and len(_shape(_source(node))) == 4]
    if len(flattenings) != 1 or not _is(net, flattenings[0], (nn.Flatten,), FLATTENS):
        raise ValueError(f"{type(classifier).__name__} flattens its last map in an unknown way")
    (flat,) = flattenings

    for node in nodes[: nodes.index(flat)]:
        if _is(net, node, POOLS, (F.adaptive_avg_pool2d,)):
            _pool_window(net, node, pooling)
    windows: dict[fx.Node, Size] = {flat: _shape(_source(flat))[2:]}
    for node in nodes[nodes.index(flat) + 1 : -1]:
        windows[node] = _widen(net, node, windows[_source(node)])
    flat.replace_all_uses_with(_source(flat))
    net.graph.erase_node(flat)
    net.recompile()
    return net


def _pool_window(net: fx.GraphModule, node: fx.Node, pooling: str) -> None:
    """Replace an adaptive pooling of the whole map by one with windows of a fixed size."""
    before, after = _shape(_source(node))[2:], _shape(node)[2:]
    if before[0] % after[0] or before[1] % after[1]:
        raise ValueError(f"{node.target} pools {before} cells into {after}, which are not equal windows")
    kernel = before[0] // after[0], before[1] // after[1]
    stride = (1, 1) if after == (1, 1) else kernel
    kind = nn.MaxPool2d if _is(net, node, (nn.AdaptiveMaxPool2d,), ()) else nn.AvgPool2d
    whole = kernel == (1, 1) or (pooling == "drop" and after == (1, 1))
    _replace(net, node, nn.Identity() if whole else kind(kernel, stride))


def _widen(net: fx.GraphModule, node: fx.Node, window: Size) -> Size:
    """Turn a layer behind the flattening into one for maps, given the height and width of what it stands on;
    returns those of what it gives.
    """
    layer = net.get_submodule(str(node.target)) if node.op == "call_module" else None
    if isinstance(layer, nn.Linear):
        channels = layer.in_features // (window[0] * window[1])
        conv = nn.Conv2d(channels, layer.out_features, (window[0], window[1]), bias=layer.bias is not None)
        conv.weight = nn.Parameter(layer.weight.detach().reshape(conv.weight.shape))
        conv.bias = layer.bias
        _replace(net, node, conv)
        return 1, 1
    if isinstance(layer, nn.Softmax | nn.LogSoftmax):
        _replace(net, node, type(layer)(dim=1))
    elif not _is(net, node, KEPT, KEPT_FUNCTIONS):
        raise ValueError(f"{node.target} behind the flattening has no form for maps here")
    return window


def _replace(net: fx.GraphModule, node: fx.Node, layer: nn.Module) -> None:
    """Replace the layer of a node."""
    if node.op == "call_module":
        net.set_submodule(str(node.target), layer)
        return
    net.add_module(node.name, layer)
    with net.graph.inserting_before(node):
        node.replace_all_uses_with(net.graph.call_module(node.name, (_source(node),)))
    net.graph.erase_node(node)


def _is(net: fx.GraphModule, node: fx.Node, layers: Kinds, functions: Kinds) -> bool:
    if node.op == "call_module":
        return isinstance(net.get_submodule(str(node.target)), layers)
    return node.target in functions


def _source(node: fx.Node) -> fx.Node:
    return node.all_input_nodes[0] if node.all_input_nodes else node


def _shape(node: fx.Node) -> Size:
    """Of the node's value for an example; empty if that is not a tensor."""
    return tuple(getattr(node.meta.get("tensor_meta"), "shape", ()))
