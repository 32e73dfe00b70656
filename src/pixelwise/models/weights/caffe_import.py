"""Copy the weights of a .caffemodel to one of our nets, and check all names and shapes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pixelwise.models.layers.bilinear import BilinearUpsampling
from pixelwise.models.nets.fcn import FCN
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.weights.caffemodel import Blob, CaffeLayer, CaffeNet

PARTS = ("weight", "bias")
"""What the blobs of Caffe's convolutions, deconvolutions and inner products are, in this order."""

STREAMS = {"colour": "color", "other": "hha"}
"""What Caffe's names end with in the two streams of late fusion."""
BGR_LAYERS = [
    f"{stream}backbone.{name}" for stream in ("", "colour.") for name in ("conv1_1", "conv1", "conv1/7x7_s2")
]
"""Layers that see the colours of the image; the release gives HHA unchanged."""


@dataclass(frozen=True)
class Match:
    """A blob and the parameter it was copied to. `change`: how it was converted; empty if it was not."""

    layer: str
    parameter: str
    shape: tuple[int, ...]
    change: str = ""


@dataclass(frozen=True)
class Report:
    """The result for every blob and every parameter.

    `misfits` are sentences about blobs whose shape is not the parameter's, and about skips that file and net
    scale by other factors. `left` are layers of the file that the net has no place for, `missing` parameters
    that the file has nothing for; fixed bilinear filters are not counted among those.
    """

    matches: tuple[Match, ...]
    misfits: tuple[str, ...]
    left: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every parameter of the net came from the file."""
        return not self.misfits and not self.missing


def copy_caffe(source: CaffeNet, net: SegmentationNet) -> Report:
    """Copy the blobs of `source` to the net's layers of the same names, and return a report.

    Inner products become convolutions, blobs of legacy shape lose leading ones, deconvolutions that treat
    each channel for itself are stored so, and the first layer's channels are turned from BGR to RGB. A
    layer of the file whose name starts with ours (fc8_voc12 for fc8) is used if no name is equal.
    The scale layers of FCN-8s trained at once are compared with the net's factors.
    """
    places = {_caffe_name(name): name for name, module in net.named_modules() if _has_weight(module)}
    matches: list[Match] = []
    misfits: dict[str, str] = {}
    used: set[str] = set()
    for layer, place in _pairs(source, places):
        used.add(layer.name)
        module = net.get_submodule(place)
        for part, blob in zip(PARTS, layer.blobs, strict=False):
            target = getattr(module, part, None)
            parameter = f"{place}.{part}"
            if target is None:
                misfits[parameter] = (
                    f"{layer.name}: the net has no {parameter}, but the file has {blob.shape} for it"
                )
                continue
            fitted, change = _fit(layer, blob, tuple(target.shape))
            if fitted is None:
                misfits[parameter] = (
                    f"{layer.name}: {parameter} is {tuple(target.shape)}, the file has {change}"
                )
                continue
            if place in BGR_LAYERS and part == "weight":
                fitted, change = _bgr_to_rgb(fitted), f"{change}; BGR to RGB".lstrip("; ")
            if not target.is_meta:
                with torch.no_grad():
                    target.copy_(torch.from_numpy(np.array(fitted)))
            matches.append(Match(layer.name, parameter, tuple(target.shape), change))
    scalings = _scalings(source, net)
    used |= scalings.keys()
    misfits |= {name: fault for name, fault in scalings.items() if fault}
    found = {match.parameter for match in matches} | misfits.keys()
    found |= {f"{name}.weight" for name, module in net.named_modules() if _is_fixed(module)}
    left = tuple(layer.name for layer in source.layers if layer.blobs and layer.name not in used)
    missing = tuple(name for name, _ in net.named_parameters() if name not in found)
    return Report(tuple(matches), tuple(misfits.values()), left, missing)


def classes_of(source: CaffeNet) -> int | None:
    """How many classes the file's net scores, going by the first layer that is called score or fc8."""
    for layer in source.layers:
        if layer.blobs and layer.name.startswith(("score", "fc8")):
            weight = layer.blobs[0]
            return int(
                _without_leading_ones(weight).shape[0] if layer.type == "InnerProduct" else weight.shape[0]
            )
    return None


def _caffe_name(place: str) -> str:
    """What the files of Caffe call the layer at that place of a net."""
    stream, *rest = place.split(".")
    if stream in STREAMS:
        return "/".join(rest).removeprefix("backbone/") + STREAMS[stream]
    return place.removeprefix("backbone.").replace(".", "/")


def _has_weight(module: nn.Module) -> bool:
    return isinstance(getattr(module, "weight", None), nn.Parameter)


def _is_fixed(module: nn.Module) -> bool:
    return isinstance(module, BilinearUpsampling) and not module.weight.requires_grad


def _pairs(source: CaffeNet, places: dict[str, str]) -> Iterator[tuple[CaffeLayer, str]]:
    """Layers of the file with the names of ours, exact names first."""
    weighted = {layer.name: layer for layer in source.layers if layer.blobs}
    for name, place in places.items():
        if name in weighted:
            yield weighted[name], place
            continue
        longer = [other for other in weighted if other.startswith(f"{name}_") and other not in places]
        if len(longer) == 1:
            yield weighted[longer[0]], place


def _scalings(source: CaffeNet, net: SegmentationNet) -> dict[str, str]:
    """The layers by which a file that scores FCN's skips multiplies them before, 1 if it has none, and what
    is wrong with each: nothing if the net does the same.
    """
    layers = {layer.name: layer for layer in source.layers if layer.blobs}
    faults = {}
    for skip, factor in zip(net.skips, net.scales, strict=True) if isinstance(net, FCN) else ():
        if f"score_{skip}" not in layers:
            continue
        name = f"scale_{skip}"
        given = layers[name].blobs[0] if name in layers else np.ones(1, np.float32)
        same = np.allclose(given, factor, rtol=1e-3, atol=0)
        faults[name] = (
            "" if same else f"{name}: the file multiplies {skip} by {given.mean():g}, the net by {factor:g}"
        )
    return faults


def _fit(layer: CaffeLayer, blob: Blob, shape: tuple[int, ...]) -> tuple[Blob | None, str]:
    """The blob in that shape and what was done to it; None and the shape it has if it does not fit."""
    if blob.shape == shape:
        return blob, ""
    bare = _without_leading_ones(blob)
    if layer.type == "Deconvolution" and blob.ndim == 4 and blob.shape[2:] == shape[2:] and shape[1] == 1:
        return _diagonal(blob, shape)
    if layer.type == "InnerProduct" and bare.ndim == 2 and bare.shape == (shape[0], int(np.prod(shape[1:]))):
        return bare.reshape(shape), f"inner product {bare.shape} as convolution"
    if len(shape) == 1 and bare.size == shape[0]:
        return blob.reshape(shape), ""
    return None, str(blob.shape)


def _diagonal(blob: Blob, shape: tuple[int, ...]) -> tuple[Blob | None, str]:
    """(C, C, k, k) as (C, 1, k, k), if each channel keeps to itself."""
    channels = shape[0]
    if blob.shape[:2] != (channels, channels):
        return None, str(blob.shape)
    own = np.arange(channels)
    mixing = np.count_nonzero(blob) - np.count_nonzero(blob[own, own])
    if mixing:
        return None, f"{blob.shape} whose channels mix ({mixing} weights off the diagonal)"
    return blob[own, own][:, None], f"diagonal of {blob.shape}"


def _without_leading_ones(blob: Blob) -> Blob:
    while blob.ndim > 1 and blob.shape[0] == 1:
        blob = blob[0]
    return blob


def _bgr_to_rgb(weight: Blob) -> Blob:
    """The first three input channels in reverse; others (depth) stay where they are."""
    order = [2, 1, 0, *range(3, weight.shape[1])]
    return weight[:, order] if weight.shape[1] >= 3 else weight
