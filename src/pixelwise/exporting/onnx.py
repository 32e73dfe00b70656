"""Write a trained net as one ONNX file with graph, classes, preprocessing, palette and training record."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pixelwise.core.errors import EXTRAS, MissingExtraError, ModelError
from pixelwise.core.files import write_atomically
from pixelwise.core.types import IMAGE, Channel
from pixelwise.exporting.quantizable import make_quantizable
from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.model_files.model_file import OUTPUT, ModelInfo
from pixelwise.models.weights.tensor_files import fault_of

CHECKED_SIZES = ((1, 1), (7, 300), (33, 32), (97, 131), (240, 321))
SMALLEST_STORED_AS_HALF = 1024
OPSET = 18
CHANNELS = {IMAGE: 3, "depth": 1, "hha": 3}
"""Of the inputs that data sets have by these names."""


class _Image(nn.Module):
    """The contract of a model file: (N, H, W, 3) uint8 in, or an array (N, H, W, K) float32 for each thing
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
    largest deviation.

    The graph takes images of any height and width. `half_weights` stores large weights as float16, half the
    size; all arithmetic stays float32. The deviation is the largest difference of scores over several image
    sizes, relative to their standard deviation. Above 0.02, ModelError is raised and no file is written.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  torch's exporter needs it
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        raise MissingExtraError(error.name) from None
    if path.is_dir():
        raise ModelError(f"{path} is a folder", "name the file to write, such as model.onnx")
    if net.training:
        raise ValueError("expected a net in evaluation mode: call net.eval() first")

    if fault := fault_of(net.state_dict()):
        raise ModelError(f"the net holds {fault}", "export a net with finite weights")

    channels = channels_of(net, info.inputs)
    kind = torch.uint8 if info.inputs == (IMAGE,) else torch.float32
    examples = tuple(torch.zeros(2, 97, 131, count, dtype=kind) for count in channels)
    # torch takes sizes of one cell for special cases; the graph has none, which CHECKED_SIZES prove.
    height, width = (torch.export.Dim(name, min=65) for name in ("height", "width"))
    axes = {0: torch.export.Dim("n"), 1: height, 2: width}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Image(net).eval(),
            examples,
            dynamo=True,
            input_names=list(info.inputs),
            output_names=[OUTPUT],
            dynamic_shapes=((axes,) * len(examples),),
            opset_version=OPSET,
            verbose=False,
        )
    model = program.model_proto  # type: ignore[union-attr]
    if half_weights:
        _store_as_half(model.graph)
    make_quantizable(model.graph)
    _forget_machine(model)
    for key, value in info.to_metadata().items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    content = model.SerializeToString()
    deviation = _deviation(net, content, sum(channels), info.bands is not None)
    if not deviation <= 0.02:
        raise ModelError(
            f"the exported graph differs from the net: scores deviate by {deviation:.2g} of their spread"
        )
    write_atomically(path, lambda file: file.write(content))
    return deviation


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


def _likely(net: Any, noise: Channel) -> Channel:
    """Noise (H, W, K) with the mean of the bands that the net learnt from, and about their deviation."""
    mean, std = (getattr(net, name).flatten().numpy() for name in ("mean", "std"))
    likely: Channel = mean + std * noise
    return likely


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


def _deviation(net: nn.Module, content: bytes, channels: int, of_bands: bool) -> float:
    engine = OnnxEngine(content, source="the exported graph")
    random = np.random.default_rng(0)
    worst = 0.0
    for height, width in CHECKED_SIZES:
        image: Channel = random.integers(0, 256, (height, width, channels), np.uint8)
        if of_bands:
            image = _likely(net, random.standard_normal(image.shape, np.float32))
        with torch.inference_mode():
            expected = net(torch.from_numpy(image).permute(2, 0, 1)[None])[0].numpy()
        found = engine.scores(image)
        if found.shape != expected.shape:
            raise ModelError(f"the exported graph gives {found.shape} for an image of {height} x {width}")
        if not (np.isfinite(expected).all() and np.isfinite(found).all()):
            raise ModelError(
                f"the net gives NaN or infinite scores for an image of {height} x {width}",
                "its weights are finite, but too large: train it with a lower learning rate",
            )
        worst = max(worst, float(np.abs(found - expected).max() / (expected.std() + 1e-6)))
    return worst
