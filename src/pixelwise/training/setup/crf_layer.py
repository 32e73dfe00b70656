"""The dense CRF as the last layer of a net that is trained, learnt together with it.

Source: Zheng et al., "Conditional random fields as recurrent neural networks", 2015: 5 iterations while
learning, 10 afterwards.
"""

import dataclasses

from torch import Tensor

from pixelwise.crf.learnt import LearntCRF, rows_of
from pixelwise.crf.presets import Preset
from pixelwise.crf.torch_backend import CRFLayer
from pixelwise.models.nets.segmentation_net import SegmentationNet

LEARNING, JUDGED = 5, 10
"""Iterations."""


def add_crf(net: SegmentationNet, classes: int, preset: Preset) -> None:
    """Have the net's scores refined, in place: from now on they are log Q.

    What the layer learns is in the net's state as `crf.weights` and `crf.compatibility`; all other names stay
    as they are. The preset's widths in pixels are those of the picture that the net sees, also where
    training mode scores every `label_stride`-th pixel only. The first three channels are the picture.
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
    """What is called with a net's images and scores, and gives the scores to take instead."""

    def __init__(self, layer: CRFLayer) -> None:
        self.layer, self.preset = layer, layer.preset

    def __call__(self, net: SegmentationNet, inputs: tuple[Tensor, ...], scores: Tensor) -> Tensor:
        if not bool(scores.isfinite().all()):
            return scores  # whoever asked for them reports that
        pictures = inputs[0][:, :3]
        stride = net.label_stride if net.training else 1
        if stride > 1:
            pictures = net.sampled(pictures.flatten(0, 1)).reshape(*pictures.shape[:2], *scores.shape[2:])
        self.layer.preset = self.preset.scaled(1 / stride)
        self.layer.iterations = LEARNING if net.training else JUDGED
        refined: Tensor = self.layer(scores, pictures)
        return refined
