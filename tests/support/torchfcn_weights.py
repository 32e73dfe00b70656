"""Load state dicts of torchfcn 1.9.7 (Wada), a port of FCN's release, into our nets."""

from collections.abc import Mapping
from pathlib import Path

import torch

from pixelwise.core.errors import ModelError
from pixelwise.models.nets.fcn import FCN
from pixelwise.models.nets.segmentation_net import CAFFE_MEAN
from pixelwise.models.surgery.weight_transplant import transplant
from pixelwise.models.weights.tensor_files import read_tensors


def load_torchfcn(net: FCN, source: Path | Mapping[str, torch.Tensor]) -> None:
    """Copy the weights of torchfcn's FCN32s, FCN16s, FCN8s or FCN8sAtOnce into the same net of ours, released
    padding or not; a state dict, or a file of one.

    conv1_1 is turned from BGR to RGB. Raises ModelError that names what is missing, of another shape, or too
    much, and if an upsampling mixes classes, which ours do not.
    """
    tensors = read_tensors(source) if isinstance(source, Path) else source
    renamed = {}
    for name, tensor in tensors.items():
        if name.startswith("upscore"):
            tensor = _diagonal(name, tensor)
        if name == "conv1_1.weight":
            tensor = tensor.flip(1)
        renamed[f"backbone.{name}" if name.startswith("conv") else name] = tensor
    report = transplant(renamed, net)
    missing = [name for name in report.left if name not in ("mean", "std")]
    if missing or report.dropped:
        raise ModelError(
            f"torchfcn's weights are not those of this net: {report}",
            "take the net of that stride and classes",
        )
    net.mean.copy_(torch.tensor(CAFFE_MEAN).view(1, 3, 1, 1))
    net.std.fill_(1)


def _diagonal(name: str, weight: torch.Tensor) -> torch.Tensor:
    """(C, C, k, k) that keep each class to itself as (C, 1, k, k)."""
    if weight.ndim != 4 or weight.shape[0] != weight.shape[1]:
        raise ModelError(f"{name} is {tuple(weight.shape)}, expected filters (C, C, k, k)")
    classes = torch.arange(weight.shape[0])
    own = weight[classes, classes]
    if weight.count_nonzero() != own.count_nonzero():
        raise ModelError(f"{name} mixes classes, which the upsampling here does not")
    return own[:, None]
