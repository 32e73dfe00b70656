"""The inputs and outputs that the graph of a model file must have: see model_file.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pixelwise.core.errors import ModelError
from pixelwise.core.types import BANDS, IMAGE, Channel
from pixelwise.inference.model_files.model_file import INPUT, OUTPUT, PROPERTY, ModelInfo

Ports = Mapping[str, tuple[str, list[Any]]]
"""Inputs or outputs by name: the type as the engine calls it, and the sizes."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a graph in order, with their numbers of channels."""

    channels: Mapping[str, int]

    def feeds(self, image: Channel) -> dict[str, Channel]:
        """What each input gets of (H, W, K), the channels side by side: uint8 for photos alone, else float32.

        Raises ValueError for another K.
        """
        if image.shape[2] != sum(self.channels.values()):
            raise ValueError(
                f"expected {sum(self.channels.values())} channels ({' and '.join(self.channels)}), "
                f"got {image.shape[2]}"
            )
        if list(self.channels) == [INPUT]:
            return {INPUT: image[np.newaxis]}
        ends = np.cumsum(list(self.channels.values()))[:-1]
        parts = np.split(image.astype(np.float32), ends, axis=2)
        return {
            name: np.ascontiguousarray(part)[np.newaxis]
            for name, part in zip(self.channels, parts, strict=True)
        }


def check_contract(
    source: str, metadata: Mapping[str, str], inputs: Ports, outputs: Ports, types: tuple[str, str]
) -> Inputs:
    """The inputs of a graph. Raises ModelError unless inputs and outputs are those of a model file with this
    metadata; `types` is what the engine calls uint8 and float32.
    """
    info = ModelInfo.from_metadata(metadata, source) if PROPERTY in metadata else None
    named = (IMAGE,) if info is None else info.inputs
    photos = named == (IMAGE,)
    wanted = f'an input "{INPUT}" uint8 (N, H, W, 3)'
    if not photos:
        wanted = f"inputs {', '.join(named)} float32 (N, H, W, K)"
    kind, fault = types[0] if photos else types[1], None
    if sorted(inputs) != sorted(named) or OUTPUT not in outputs:
        fault = f"inputs {sorted(inputs)} and outputs {sorted(outputs)}"
    elif outputs[OUTPUT][0] != types[1] or len(outputs[OUTPUT][1]) != 4:
        fault = f"{OUTPUT} of {outputs[OUTPUT][0]} {outputs[OUTPUT][1]}"
    for name in named if fault is None else ():
        found, sizes = inputs[name]
        fits = len(sizes) == 4 and isinstance(sizes[3], int) and (not photos or sizes[3] == 3)
        if info is not None and info.bands is not None and name == BANDS:
            fits = fits and sizes[3] == info.bands.count
        if found != kind or not fits:
            fault = f"{name} of {found} {sizes}"
    if fault is not None:
        raise ModelError(
            f'{source}: expected {wanted} and an output "{OUTPUT}" float32 (N, C, H, W), got {fault}',
            'write model files with "pixelwise export", or make one of any ONNX net with "pixelwise wrap"',
        )
    return Inputs({name: int(inputs[name][1][3]) for name in named})
