"""A net of the catalogue with its weights as one .safetensors file that is a whole model.

The header's notes hold the model's metadata ("pixelwise", see model_file.py) and the net's name and number of
classes ("pixelwise.net"). Importing this module needs torch.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save

from pixelwise.core.errors import ModelError
from pixelwise.core.files import write_atomically
from pixelwise.core.terminal import printable, reason_of
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.models.registry import create
from pixelwise.models.weights.tensor_files import NET, read_metadata, read_tensors

_WRITTEN = 'write such files with "pixelwise import-caffe"'


def write_net(
    net: SegmentationNet, name: str, info: ModelInfo, path: Path, missing: Sequence[str] = ()
) -> None:
    """Write the net called `name` in the catalogue, atomically. `missing`: the parameters that are newly
    initialised.
    """
    if name not in CATALOGUE:
        raise ValueError(f'there is no net "{name}"; there are {", ".join(CATALOGUE)}')
    entry = {"name": name, "classes": len(info.classes), "missing": list(missing)}
    notes = {**info.to_metadata(), NET: json.dumps(entry)}
    tensors = {key: tensor.contiguous() for key, tensor in net.state_dict().items()}
    content = save(tensors, notes)
    write_atomically(path, lambda file: file.write(content))


def read_net(path: Path) -> tuple[SegmentationNet, ModelInfo]:
    """The net of a file that `write_net` wrote, in evaluation mode, and its metadata. Raises ModelError."""
    tensors = read_tensors(path)
    notes = read_metadata(path)
    if NET not in notes:
        raise ModelError(
            f"{path} holds weights, but does not say of which net",
            _WRITTEN,
        )
    info = ModelInfo.from_metadata(notes, str(path))
    try:
        entry = json.loads(notes[NET])
        name, classes = entry["name"], entry["classes"]
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        raise ModelError(f"{path}: invalid metadata {NET!r}: {type(problem).__name__}", _WRITTEN) from problem
    if not isinstance(name, str) or not isinstance(classes, int):
        raise ModelError(f"{path}: invalid metadata {NET!r}: no name and number of classes", _WRITTEN)
    if name not in CATALOGUE:
        shown = printable(name[:80])
        raise ModelError(
            f'{path} holds a net "{shown}", which this version does not know', "update pixelwise"
        )
    if classes != len(info.classes):
        raise ModelError(f"{path} names {len(info.classes)} classes, but its net scores {classes}", _WRITTEN)
    with torch.device("meta"):
        net = create(name, classes)
    try:
        net.load_state_dict(tensors, assign=True)
    except RuntimeError as problem:
        raise ModelError(f"{path} does not hold a whole {name}: {reason_of(problem)}", _WRITTEN) from None
    return net.eval(), info
