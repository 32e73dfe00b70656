"""Wrap any ONNX net as a model file: add the normalisation of pixels before it and the resizing of scores
after.

Before the net, pixels are scaled to its range, normalised by its mean and standard deviation, brought to its
layout, and resized to its size if that is fixed, or padded to a multiple. After the net, probabilities become
their logarithms if it ends in a softmax, and scores are interpolated bilinearly to the picture's size (pixel
centres at one half, as torch's align_corners=False).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.core.errors import ModelError, extras_named
from pixelwise.core.files import regular_file, write_atomically
from pixelwise.core.overwriting import expect_kept
from pixelwise.core.terminal import printable, reason_of
from pixelwise.core.types import Scores
from pixelwise.exporting.metadata import with_metadata
from pixelwise.inference.engines.model_failures import one_map
from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.model_files.model_file import INPUT, MOST_BYTES, OUTPUT, ModelInfo
from pixelwise.inference.normalisation import Normalisation, check_multiple
from pixelwise.inference.probabilities import are_probabilities

_OPSET = 17
"""Nets with older versions of ONNX's operators are converted to this one."""

CHECKED_SIZES = ((64, 96), (97, 131))

_HINT = "export the net with one input, float (N, 3, H, W) or uint8 (N, H, W, 3), and scores (N, C, h, w)"


@dataclass(frozen=True)
class _Port:
    """An input or output of a graph; None stands for any size."""

    name: str
    kind: int
    sizes: tuple[int | None, ...]


def wrap_onnx(
    source: Path, info: ModelInfo, path: Path, normalisation: Normalisation, multiple: int = 1
) -> None:
    """Write the net of the ONNX file `source` to `path` as a model file with the metadata `info`.

    multiple: pictures are padded at the right and the bottom, by their last pixels, to sides that are a
    multiple of it. The file is tested on two sizes before it appears under its name. Raises ModelError if the
    net has another interface, scores another number of classes than `info`, holds what model files may not,
    or if `path` is the source itself.
    """
    with extras_named():
        import onnx
        from onnx import TensorProto, compose, inliner, version_converter
    check_multiple(multiple)
    expect_kept(source, [path], ModelError)
    shown = printable(source)
    try:
        if regular_file(source).stat().st_size > MOST_BYTES:
            raise ModelError(f"{shown} is larger than a model file may be: {MOST_BYTES / 1e9:g} GB")
        net = onnx.load_from_string(source.read_bytes())
        _read_weights_beside(net, source)
        if net.functions:
            net = inliner.inline_local_functions(net)
        versions = [entry.version for entry in net.opset_import if entry.domain in ("", "ai.onnx")]
        if versions and versions[0] < _OPSET:
            net = version_converter.convert_version(net, _OPSET)
        net = compose.add_prefix(net, "net/")
    except OSError as problem:
        raise ModelError(f"{shown} cannot be read: {reason_of(problem)}") from None
    except (RuntimeError, ValueError, TypeError, onnx.onnx_cpp2py_export.checker.ValidationError) as problem:
        raise ModelError(f"{shown} is not a complete ONNX model: {printable(problem)[:200]}") from None
    except Exception as problem:  # protobuf's DecodeError, whose module differs between versions
        if type(problem).__name__ != "DecodeError":
            raise
        raise ModelError(f"{shown} is not a complete ONNX model", "name another file") from None
    seen, scored = (
        _input(net.graph, shown, normalisation.channels),
        _output(net.graph, len(info.classes), shown),
    )
    if seen.kind == TensorProto.UINT8 and normalisation.highest != 255:
        raise ModelError(
            f"{shown} takes uint8, but the bands are {info.bands}", "export it with a float input"
        )
    if seen.kind == TensorProto.UINT8 and (any(normalisation.mean) or {*normalisation.std} != {1}):
        raise ModelError(
            f"{shown} takes uint8 pixels as they are, so it cannot be given a mean and std",
            "leave them out; or export the net with a float input",
        )
    _rebuild(net.graph, seen, scored, normalisation, multiple, info.inputs[0])
    content = with_metadata(net, info)
    if are_probabilities(_tried(content, len(info.classes), normalisation.channels, shown)):
        _take_logarithms(net.graph)
        content = with_metadata(net, info)
        _tried(content, len(info.classes), normalisation.channels, shown)
    write_atomically(path, lambda file: file.write(content))


def _read_weights_beside(net: Any, source: Path) -> None:
    """Read the weights that the net keeps in other files of its folder, as torch exports them.

    Raises ModelError if that is not possible.
    """
    from onnx import checker, external_data_helper

    places = {
        entry.value
        for tensor in net.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    named = ", ".join(map(printable, sorted(places))) or "another file"  # of a constant, not a weight
    try:
        if sum(regular_file(source.parent / place).stat().st_size for place in places) > MOST_BYTES:
            raise ModelError(f"{named} is larger than a model file may be: {MOST_BYTES / 1e9:g} GB")
        external_data_helper.load_external_data_for_model(net, str(source.parent))
    except (OSError, ValueError, checker.ValidationError) as problem:
        raise ModelError(
            f"{printable(source)} keeps weights in {named}, which cannot be read: {printable(problem)[:200]}",
            "put that file beside it, or export the net into one file",
        ) from None


def _ports(entries: Sequence[Any]) -> list[_Port]:
    found = []
    for entry in entries:
        tensor = entry.type.tensor_type
        sizes = tuple(
            size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else None
            for size in tensor.shape.dim
        )
        found.append(_Port(entry.name, tensor.elem_type, sizes))
    return found


def _input(graph: Any, shown: str, channels: int) -> _Port:
    """The one input that is not a weight; it takes `channels` channels."""
    from onnx import TensorProto

    weights = {tensor.name for tensor in graph.initializer}
    ports = [port for port in _ports(graph.input) if port.name not in weights]
    if (
        len(ports) != 1
        or len(ports[0].sizes) != 4
        or channels not in (ports[0].sizes[1], ports[0].sizes[3])
        or TensorProto.DataType.Name(ports[0].kind) not in ("FLOAT", "FLOAT16", "DOUBLE", "UINT8")
    ):
        given = ", ".join(f"{printable(port.name.removeprefix('net/'))} {port.sizes}" for port in ports)
        raise ModelError(
            f"{shown}: expected one input (N, {channels}, H, W) or (N, H, W, {channels}), "
            f"got {given or 'none'}",
            f"{_HINT}; for other channels than red, green and blue name the bands, such as --bands 4xuint16",
        )
    return ports[0]


def _output(graph: Any, classes: int, shown: str) -> _Port:
    """The first output whose shape fits scores of this number of classes."""
    ports = _ports(graph.output)
    fitting = [
        port for port in ports if len(port.sizes) in (0, 4) and port.sizes[1:2] in ((), (None,), (classes,))
    ]
    if not fitting and any(port.sizes[1:2] == (1,) for port in ports):
        raise one_map(shown)
    if not fitting:
        given = ", ".join(f"{printable(port.name.removeprefix('net/'))} {port.sizes}" for port in ports)
        scored = [port.sizes[1] for port in ports if len(port.sizes) == 4 and port.sizes[3] != classes]
        hint = f"the net scores {scored[0]} classes: name all of them in order" if scored else _HINT
        raise ModelError(
            f"{shown}: expected scores (N, {classes}, h, w) of {classes} classes, got {given}", hint
        )
    return fitting[0]


def _rebuild(
    graph: Any, seen: _Port, scored: _Port, normalisation: Normalisation, multiple: int, name: str
) -> None:
    """Give the graph the input and output of a model file."""
    from onnx import TensorProto, helper, numpy_helper

    def constant(name: str, values: Any, kind: type = np.int64) -> str:
        graph.initializer.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    channels = normalisation.channels
    channels_last = seen.sizes[3] == channels and seen.sizes[1] != channels
    height, width = seen.sizes[1:3] if channels_last else seen.sizes[2:4]
    factor, offset = normalisation.factor_and_offset()
    node, shape = helper.make_node, (1, channels, 1, 1)
    before = [
        node("Cast", [name], ["pixels"], to=TensorProto.FLOAT),
        node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        node("Shape", ["planes"], ["size"], start=2, end=4),
    ]
    ready = "planes"
    if height is not None and width is not None:
        batch = node("Shape", [ready], ["batch"], start=0, end=2)
        sizes = node("Concat", ["batch", constant("own_size", [height, width])], ["own_sizes"], axis=0)
        before += [batch, sizes, _resize(ready, "own_sizes", "resized")]
        ready = "resized"
    padded = ready == "planes" and multiple > 1
    if padded:
        by = constant("multiple", [multiple, multiple])
        before += [
            node("Neg", ["size"], ["less"]),
            node("Mod", ["less", by], ["lacking"]),
            node("Concat", [constant("no_padding", [0] * 6), "lacking"], ["padding"], axis=0),
            node("Pad", [ready, "padding"], ["padded"], mode="edge"),
        ]
        ready = "padded"
    if seen.kind == TensorProto.UINT8:
        before.append(node("Round", [ready], ["rounded"]))
        ready = "rounded"
    else:
        before += [
            node("Mul", [ready, constant("factor", factor.reshape(shape), np.float32)], ["scaled"]),
            node("Add", ["scaled", constant("offset", offset.reshape(shape), np.float32)], ["normalised"]),
        ]
        ready = "normalised"
    if channels_last:
        before.append(node("Transpose", [ready], ["channels_last"], perm=[0, 2, 3, 1]))
        ready = "channels_last"
    before.append(node("Cast", [ready], [seen.name], to=seen.kind))
    after = [
        node("Cast", [scored.name], ["raw"], to=TensorProto.FLOAT),
        node("Shape", ["raw"], ["kept"], start=0, end=2),
    ]
    if padded:
        after += [
            node("Shape", ["padded"], ["padded_size"], start=2, end=4),
            node("Concat", ["kept", "padded_size"], ["full"], axis=0),
            _resize("raw", "full", "large"),
            node("Slice", ["large", constant("from", [0, 0]), "size", constant("axes", [2, 3])], [OUTPUT]),
        ]
    else:
        after += [node("Concat", ["kept", "size"], ["full"], axis=0), _resize("raw", "full", OUTPUT)]
    nodes = [*before, *graph.node, *after]
    classes = scored.sizes[1] if len(scored.sizes) == 4 else None
    kind = TensorProto.UINT8 if name == INPUT else TensorProto.FLOAT
    ports = {
        "node": nodes,
        "input": [helper.make_tensor_value_info(name, kind, ["n", "height", "width", channels])],
        "output": [
            helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", classes or "c", "height", "width"])
        ],
    }
    for field, entries in ports.items():
        del getattr(graph, field)[:]
        getattr(graph, field).extend(entries)


def _resize(name: str, sizes: str, result: str) -> Any:
    from onnx import helper

    return helper.make_node(
        "Resize",
        [name, "", "", sizes],
        [result],
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )


def _take_logarithms(graph: Any) -> None:
    """Of the probabilities that the net gives, for scores."""
    from onnx import helper, numpy_helper

    for node in graph.node:
        node.input[:] = ["logarithms" if name == "raw" else name for name in node.input]
    place = next(index for index, node in enumerate(graph.node) if node.output[0] == "raw")
    graph.initializer.append(numpy_helper.from_array(np.array(1e-30, np.float32), "least"))
    graph.node.insert(place + 1, helper.make_node("Max", ["raw", "least"], ["positive"]))
    graph.node.insert(place + 2, helper.make_node("Log", ["positive"], ["logarithms"]))


def _tried(content: bytes, classes: int, channels: int, shown: str) -> Scores:
    """The file's scores of a picture, after a try on two sizes. Raises ModelError unless they are of the
    classes.
    """
    engine = OnnxEngine(content, source=shown)
    for size in CHECKED_SIZES:
        scores = engine.scores(np.random.default_rng(0).integers(0, 256, (*size, channels), np.uint8))
        if len(scores) == 1:
            raise one_map(shown)
        if scores.shape != (classes, *size):
            raise ModelError(
                f"{shown} scores {scores.shape[0]} classes, but {classes} are named",
                "name all of them in order",
            )
        if not np.isfinite(scores).all():
            raise ModelError(f"{shown} gives NaN or infinite scores", "check its weights, mean and std")
    return scores
