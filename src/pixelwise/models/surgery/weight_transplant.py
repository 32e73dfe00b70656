"""Copy weights from one net to another. Source: the FCN release, surgery.py."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from pixelwise.core.errors import ModelError

NORMALISATION = ("mean", "std")
"""The tensors of a SegmentationNet that are not layers."""


@dataclass(frozen=True)
class Transplant:
    """The result for every tensor, by name.

    `copied` were copied unchanged, `coerced` with another shape (a linear layer to a convolution). `dropped`
    are those of the source that the target does not have, `left` those of the target that stay unchanged; a
    tensor whose shape does not fit is in both.
    """

    copied: tuple[str, ...]
    coerced: tuple[str, ...]
    dropped: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        parts = (("copied", self.copied), ("coerced", self.coerced))
        text = [f"{len(names)} {what}" for what, names in parts if names]
        text += [
            f"{what}: {', '.join(names)}"
            for what, names in (("dropped", self.dropped), ("left", self.left))
            if names
        ]
        return "; ".join(text)


def transplant(source: nn.Module | Mapping[str, torch.Tensor], target: nn.Module) -> Transplant:
    """Copy the tensors of a net, or of a state dict, to those of the same name in `target`.

    A tensor of another shape is coerced if it has as many rows and as many numbers: (O, C * h * w) into
    (O, C, h, w). Raises ModelError if nothing fits; the mean and deviation of pixels, `mean` and `std`, are
    not layers and do not count.
    """
    tensors = source.state_dict() if isinstance(source, nn.Module) else source
    places = target.state_dict()
    copied: list[str] = []
    coerced: list[str] = []
    dropped: list[str] = []
    for name, tensor in tensors.items():
        place = places.get(name)
        if place is None or not fits(tensor, place):
            dropped.append(name)
            continue
        (copied if place.shape == tensor.shape else coerced).append(name)
        place.copy_(tensor.reshape(place.shape))
    left = tuple(name for name in places if name not in copied and name not in coerced)
    if all(name.rpartition(".")[2] in NORMALISATION for name in (*copied, *coerced)):
        raise ModelError(
            "the nets have no layer in common: none of the names and shapes agree",
            f"the one has {_some(list(tensors))}, the other {_some(list(places))}",
        )
    return Transplant(tuple(copied), tuple(coerced), tuple(dropped), left)


def fits(tensor: torch.Tensor, place: torch.Tensor) -> bool:
    """Whether a tensor has the shape of its place, or can be coerced to it."""
    if tensor.shape == place.shape:
        return True
    return tensor.numel() == place.numel() and tensor.ndim > 1 and tensor.shape[0] == place.shape[0]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
