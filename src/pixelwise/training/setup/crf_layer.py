"""The dense CRF as the last layer of a net, trained together with it.

Source: Zheng et al., "Conditional random fields as recurrent neural networks", 2015: 5 iterations in
training, 10 afterwards.
"""

import dataclasses

import torch
from torch import Tensor

from pixelwise.crf.learnt import LearntCRF, rows_of
from pixelwise.crf.presets import Preset
from pixelwise.crf.torch_backend import CRFLayer
from pixelwise.models.nets.segmentation_net import SegmentationNet

LEARNING, JUDGED = 5, 10
"""Iterations."""


def add_crf(net: SegmentationNet, classes: int, preset: Preset) -> None:
    """Add the layer to the net, in place: from now on the net's scores are log Q.

    The layer's parameters are in the net's state as `crf.weights` and `crf.compatibility`; all other names
    stay the same. The preset's widths are in pixels of the net's input, even if training mode scores only
    every `label_stride`-th pixel. The first three channels are the picture.
    """
    layer = CRFLayer(classes, preset, JUDGED)
    net.add_module("crf", layer)
    net.register_forward_hook(_Refinement(layer))


def take_crf(net: SegmentationNet) -> LearntCRF | None:
    """Take the CRF off a net, in place: from now on the net gives scores. None if it ends in none."""
    for key, hook in list(net._forward_hooks.items()):
        if isinstance(hook, _Refinement):
            del net._forward_hooks[key]
            layer = hook.layer
            delattr(net, "crf")
            preset = dataclasses.replace(hook.preset, iterations=JUDGED)
            return LearntCRF(preset, rows_of(layer.weights.tolist()), rows_of(layer.compatibility.tolist()))
    return None


class _Refinement:
    """The hook that receives a net's images and scores, and returns the refined scores."""

    def __init__(self, layer: CRFLayer) -> None:
        self.layer, self.preset = layer, layer.preset

    def __call__(self, net: SegmentationNet, inputs: tuple[Tensor, ...], scores: Tensor) -> Tensor:
        if not bool(scores.isfinite().all()):
            return scores  # whoever asked for them reports that
        # Grey levels, also where a batch of other channels made them floats: dark pictures are no fault.
        pictures = inputs[0][:, :3].round().clamp(0, 255).to(torch.uint8)
        stride = net.label_stride if net.training else 1
        if stride > 1:
            pictures = net.sampled(pictures.flatten(0, 1)).reshape(*pictures.shape[:2], *scores.shape[2:])
        self.layer.preset = self.preset.scaled(1 / stride)
        self.layer.iterations = LEARNING if net.training else JUDGED
        refined: Tensor = self.layer(scores, pictures)
        return refined
