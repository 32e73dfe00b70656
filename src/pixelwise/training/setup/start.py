"""The initial weights of a net: of a run, of a file that import-caffe wrote, or of an exported model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pixelwise.core.errors import MissingExtraError, TrainingError, extras_named
from pixelwise.inference.model_files.card import with_record
from pixelwise.inference.model_files.model_file import ModelInfo, bundled_names, read_model
from pixelwise.inference.model_files.onnx_file import checked_metadata
from pixelwise.models.registry import find
from pixelwise.models.surgery.weight_transplant import NORMALISATION
from pixelwise.models.weights.tensor_files import fault_of, read_imported
from pixelwise.training import checkpoint

_NET, _HALF = "net.", "_half"
"""Begin and end of the names that export gives to a net's tensors, the latter to those stored as float16."""


@dataclass(frozen=True)
class Start:
    """`batch_norm`: that of the run, or None for a file of import-caffe. `of_bands`: the net takes bands, and
    its statistics belong to its weights. `learnt_from`: fingerprints (core/fingerprints.py) of the
    pictures that the weights were learnt from. `exported`: the trunk of an exported model, as `trunk_of`
    names it: such files lack tensors that export changed.
    """

    place: str
    tensors: Mapping[str, torch.Tensor]
    batch_norm: str | None
    of_bands: bool = False
    learnt_from: str = ""
    exported: str | None = None


def start_of(place: str) -> Start:
    """The weights at a place that `init_from` names: a run folder, a .safetensors file of import-caffe, an
    .onnx file of `pixelwise export`, or the name of a bundled model. Raises TrainingError or ModelError.
    """
    path = Path(place)
    if path.suffix == ".onnx" or (place in bundled_names() and not path.exists()):
        return _exported(place)
    if path.suffix != ".safetensors":
        if not path.exists():
            raise TrainingError(
                f"init_from={place}: there is no such run folder or file, and no bundled model of this name",
                f"name a run folder, an .onnx or .safetensors file, or one of {', '.join(bundled_names())}",
            )
        state = checkpoint.load(checkpoint.chosen(path))
        norm = str(state.recipe["batch_norm"])
        return Start(place, state.mean, norm, bool(state.numbers), state.learnt_from)
    tensors = read_imported(path)
    if tensors is None:
        raise TrainingError(
            f"{place} holds weights, but not a net that import-caffe wrote",
            "name a run folder, or give weights of a classifier as backbone_weights",
        )
    return Start(place, tensors, None)


def _exported(place: str) -> Start:
    content, source = read_model(place)
    info = with_record(ModelInfo.from_metadata(checked_metadata(content, source), source), place)
    recipe = info.training.get("recipe")
    if not isinstance(recipe, dict):
        reason = "is not from a training run of pixelwise"
    elif info.training.get("export") == "int8":
        reason = "is of int8"
    else:
        tensors = _finite(content, source) | _normalisation(info)
        if info.crf is not None:
            tensors["crf.weights"] = torch.tensor(info.crf.weights)
            tensors["crf.compatibility"] = torch.tensor(info.crf.compatibility)
        norm = str(recipe.get("batch_norm", "frozen"))
        return Start(place, tensors, norm, info.bands is not None, info.learnt_from, trunk_of(recipe))
    raise TrainingError(
        f"{source} {reason}: it does not hold the net's weights as they were trained",
        "name the run folder it was exported from, or a file of float32",
    )


def trunk_of(recipe: Mapping[str, object]) -> str:
    """The trunk of a recipe's net: equal ones have tensors of equal names."""
    entry = find(str(recipe.get("net")))
    if entry is None or "backbone" in entry.settings:
        return str(recipe.get("backbone"))
    trunk = str(entry.trunk)
    return trunk if trunk.startswith("vgg") else f"{trunk} of {recipe.get('origin')}"


def _normalisation(info: ModelInfo) -> dict[str, torch.Tensor]:
    """The mean and deviation of pixels, by the record: export drops a deviation of 1, and stores it once if
    it equals the mean. Empty if the record does not have both.
    """
    numbers = {name: info.preprocessing.get(name) for name in NORMALISATION}
    try:
        found = {name: torch.tensor(values, dtype=torch.float32) for name, values in numbers.items()}
    except (TypeError, ValueError, RuntimeError):
        return {}
    fine = all(values.ndim == 1 and values.isfinite().all() for values in found.values())
    return {name: values.view(1, -1, 1, 1) for name, values in found.items()} if fine else {}


def _finite(content: bytes, source: str) -> dict[str, torch.Tensor]:
    """The tensors of the net. Raises TrainingError if they cannot be read, or are NaN or infinite."""
    try:
        tensors = _tensors(content)
    except MissingExtraError:
        raise
    except Exception as problem:  # protobuf and onnx raise many kinds
        raise TrainingError(
            f"{source} is damaged: its weights cannot be read", "export or download it again"
        ) from problem
    if fault := fault_of(tensors):
        raise TrainingError(f"{source} holds {fault}", "take a model with finite weights")
    return tensors


def _tensors(content: bytes) -> dict[str, torch.Tensor]:
    """The tensors of the net in an ONNX file, in float32, by their names in the net.

    Export stores equal tensors once, which happens to the biases of scores that are added up: a layer's bias
    is found by what is added to its result.
    """
    with extras_named():
        from onnx import load_from_string, numpy_helper
    graph = load_from_string(content).graph
    stored = {entry.name: entry for entry in graph.initializer}

    def number(name: str) -> torch.Tensor:
        return torch.from_numpy(numpy_helper.to_array(stored[name]).astype(np.float32))

    found = {_own_name(name): number(name) for name in stored if name.startswith(_NET)}
    casts = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast"}
    sums = {node.input[0]: node.input[1] for node in graph.node if node.op_type == "Add"}
    for node in graph.node:
        if node.op_type == "Conv":
            weight = casts.get(node.input[1], node.input[1])
            bias = node.input[2] if len(node.input) > 2 else sums.get(node.output[0], "")
            if weight.startswith(_NET) and bias in stored:
                found.setdefault(_own_name(weight).removesuffix("weight") + "bias", number(bias))
    return found


def _own_name(stored: str) -> str:
    """Of a net with several heads too, which lies one level deeper in the file of one head."""
    return stored.removeprefix(_NET).removeprefix(_NET).removesuffix(_HALF)
