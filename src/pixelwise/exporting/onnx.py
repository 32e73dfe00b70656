"""Write a trained net as one ONNX file with graph, classes, preprocessing, palette and training record."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pixelwise.core.errors import ModelError, extras_named
from pixelwise.core.files import write_atomically
from pixelwise.core.types import IMAGE, Channel, Scores
from pixelwise.exporting.deviation import MOST, Score, deviation, expect_small, noise
from pixelwise.exporting.metadata import with_metadata
from pixelwise.exporting.quantizable import make_quantizable
from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.model_files.model_file import OUTPUT, ModelInfo
from pixelwise.models.weights.tensor_files import fault_of

SMALLEST_STORED_AS_HALF = 1024
OPSET = 18
CHANNELS = {IMAGE: 3, "depth": 1, "hha": 3}
"""Of the inputs that data sets have by these names."""


class FileInterface(nn.Module):
    """The interface of a model file: (N, H, W, 3) uint8 in, or an array (N, H, W, K) float32 for each thing
    that the net sees; (N, C, H, W) float32 scores out.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *seen: torch.Tensor) -> torch.Tensor:
        image = seen[0] if len(seen) == 1 else torch.cat(seen, 3)
        scores: torch.Tensor = self.net(image.permute(0, 3, 1, 2))
        return scores


def export_onnx(net: nn.Module, info: ModelInfo, path: Path, half_weights: bool = True) -> float:
    """Write the net, which must be in evaluation mode, to `path` and compare the file with it; returns the
    largest deviation: see `onnx_content`. If that raises, no file is written.
    """
    if path.is_dir():
        raise ModelError(f"{path} is a folder", "name the file to write, such as model.onnx")
    content, found = onnx_content(net, info, half_weights)
    write_atomically(path, lambda file: file.write(content))
    return found


def onnx_content(net: nn.Module, info: ModelInfo, half_weights: bool = True) -> tuple[bytes, float]:
    """The model file of a net in evaluation mode, and the largest deviation of its scores from the net's.

    The graph takes images of any height and width. `half_weights` stores large weights as float16, half the
    size; all arithmetic stays float32. Where that alone changes the scores by more than deviation.MOST, as of
    nets that have hardly learnt, whose scores differ little, all weights stay float32. The deviation is the
    largest difference of scores over several image sizes, relative to their standard deviation; if that of
    float32 weights is above deviation.MOST, ModelError is raised.
    """
    with extras_named():
        import onnxscript  # noqa: F401  torch's exporter needs it
    expect_exportable(net)
    channels = channels_of(net, info.inputs)
    kind = torch.uint8 if info.inputs == (IMAGE,) else torch.float32
    examples = tuple(torch.zeros(2, 97, 131, count, dtype=kind) for count in channels)
    # torch takes sizes of one cell for special cases; the graph has none, which `deviation` proves.
    height, width = (torch.export.Dim(name, min=65) for name in ("height", "width"))
    axes = {0: torch.export.Dim("n"), 1: height, 2: width}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            FileInterface(net).eval(),
            examples,
            dynamo=True,
            input_names=list(info.inputs),
            output_names=[OUTPUT],
            dynamic_shapes=((axes,) * len(examples),),
            opset_version=OPSET,
            verbose=False,
        )
    for half in (True, False) if half_weights else (False,):
        content = _finished(program.model_proto, info, half)  # type: ignore[union-attr]
        engine = OnnxEngine(content, source="the exported graph")
        pictures = noise(sum(channels), info.bands, net)
        found = deviation(scores_of(net), engine.scores, pictures)
        if found <= MOST:
            break
    expect_small(found)
    return content, found


def _finished(model: Any, info: ModelInfo, half_weights: bool) -> bytes:
    """The file of a graph as torch exports it."""
    if half_weights:
        _store_as_half(model.graph)
    make_quantizable(model.graph)
    _forget_machine(model)
    return with_metadata(model, info)


def expect_exportable(net: nn.Module) -> None:
    """Raise ValueError for a net in training mode, ModelError for one with NaN or infinite weights."""
    if net.training:
        raise ValueError("expected a net in evaluation mode: call net.eval() first")
    if fault := fault_of(net.state_dict()):
        raise ModelError(f"the net holds {fault}", "export a net with finite weights")


def scores_of(net: nn.Module) -> Score:
    """A function from a picture (H, W, K) to the net's scores (C, H, W)."""

    def score(picture: Channel) -> Scores:
        with torch.inference_mode():
            scores: Scores = net(torch.from_numpy(picture).permute(2, 0, 1)[None])[0].numpy()
        return scores

    return score


def channels_of(net: nn.Module, inputs: Sequence[str]) -> tuple[int, ...]:
    """How many channels each input of a net has. Raises ModelError if the net does not say."""
    if inputs == (IMAGE,):
        return (CHANNELS[IMAGE],)
    mean = getattr(net, "mean", None)
    total = mean.numel() if isinstance(mean, torch.Tensor) else 0
    own = [name for name in inputs if name not in CHANNELS]
    rest = total - sum(CHANNELS.get(name, 0) for name in inputs)
    if len(own) > 1 or (rest < 1 if own else rest != 0):
        raise ModelError(
            f"a net of {total} channels cannot be divided among {', '.join(inputs)}",
            "export nets that see image, depth, hha and at most one more channel",
        )
    return tuple(CHANNELS.get(name, rest) for name in inputs)


def _forget_machine(model: Any) -> None:
    """Remove torch's notes on every node, which hold source lines and paths of the machine that exported."""
    del model.metadata_props[:]
    for part in (model.graph, *model.functions):
        part.ClearField("metadata_props")
        for entry in (*part.node, *part.value_info):
            entry.ClearField("metadata_props")
            entry.ClearField("doc_string")
    for entry in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        entry.ClearField("metadata_props")


def _store_as_half(graph: Any) -> None:
    """Keep large float32 weights as float16 and cast them back in the graph; runtimes fold the cast when
    they load it.
    """
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for index, tensor in enumerate(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < SMALLEST_STORED_AS_HALF:
            continue
        weights = numpy_helper.to_array(tensor)
        if np.abs(weights).max() > np.finfo(np.float16).max:
            continue
        stored = numpy_helper.from_array(weights.astype(np.float16), tensor.name + "_half")
        casts.append(helper.make_node("Cast", [stored.name], [tensor.name], to=TensorProto.FLOAT))
        graph.initializer[index].CopyFrom(stored)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
