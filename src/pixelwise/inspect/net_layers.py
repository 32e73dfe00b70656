"""List the layers of a net in order, with sizes, grids, parameters and operations, without computing scores.

The net is traced once, and its layers run on tensors that have a shape but no numbers. A multiplication and
its addition count as 2 operations; only convolutions and upsampling are counted.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from pixelwise.models.layers.alignment import Crop, Fuse, Surround
from pixelwise.models.layers.bilinear import BilinearUpsampling
from pixelwise.models.layers.grid import Grid
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.models.surgery.tracing import trace
from pixelwise.models.trunks.trunk import side, through


@dataclass(frozen=True)
class Layer:
    """A layer and its output map.

    `kind` is "image", the class of a module, or the name of a function. `grid` is where the map's cells lie
    on the image, None if that is unknown; `operations` are per image.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    channels: int
    size: tuple[int, int]
    grid: Grid | None
    kernel: int | None = None
    stride: int | None = None
    dilation: int = 1
    parameters: int = 0
    operations: int = 0


def layers_of(net: SegmentationNet, size: tuple[int, int] = (500, 500)) -> list[Layer]:
    """The layers of a net for an image of that (height, width). The net is set to evaluation mode and moved
    to the device "meta", so it loses its weights.
    """
    net = net.eval().to("meta")
    image = torch.empty(1, net.mean.shape[1], *size, device="meta")
    values: dict[fx.Node, Any] = {}
    layers: dict[fx.Node, Layer] = {}
    with torch.inference_mode():
        for node in trace(net).graph.nodes:
            if node.op == "output":
                break
            values[node] = image if node.op == "placeholder" else _run(net, node, values)
            if node.op != "get_attr" and isinstance(values[node], torch.Tensor) and values[node].ndim == 4:
                sources = [source for source in node.all_input_nodes if source in layers]
                layers[node] = _layer(net, node, values, [layers[source] for source in sources])
    return list(layers.values())


def deepest_grid(layers: list[Layer]) -> Grid:
    """The grid of the coarsest convolution; of several, the one with the largest receptive field."""
    grids = [layer.grid for layer in layers if layer.kind == "Conv2d" and layer.grid is not None]
    return max(grids, key=lambda grid: (grid.stride, grid.field))


def _run(net: nn.Module, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
    args: Any
    args, kwargs = fx.map_arg((node.args, node.kwargs), lambda source: values[source])
    if node.op == "get_attr":
        value: Any = net
        for part in str(node.target).split("."):
            value = getattr(value, part)
        return value
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    if node.op == "call_function":
        return node.target(*args, **kwargs)  # type: ignore[operator]
    return net.get_submodule(str(node.target))(*args, **kwargs)


def _layer(net: nn.Module, node: fx.Node, values: dict[fx.Node, Any], sources: list[Layer]) -> Layer:
    _, channels, *size = values[node].shape
    module = net.get_submodule(str(node.target)) if node.op == "call_module" else None
    if module is not None:
        name, kind = str(node.target).removeprefix("backbone."), type(module).__name__
    else:
        name = node.name
        kind = "image" if node.op == "placeholder" else getattr(node.target, "__name__", str(node.target))
    repeated = sum(other.op == "call_module" and other.target == node.target for other in values) - 1
    if module is not None and repeated:
        name = f"{name} ({repeated + 1})"
    window: dict[str, int] = {}
    operations = 0
    if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        window = {"kernel": side(module.kernel_size), "stride": side(module.stride)}
        window["dilation"] = side(getattr(module, "dilation", 1))
    if isinstance(module, nn.Conv2d):
        operations = 2 * values[node].numel() * module.weight[0].numel()
    if isinstance(module, BilinearUpsampling):
        window = {"kernel": module.taps, "stride": module.factor}
        operations = 2 * values[node.all_input_nodes[0]].numel() * module.taps**2 * module.weight.shape[1]
    own = module is not None and not repeated
    return Layer(
        name=name,
        kind=kind,
        inputs=tuple(source.name for source in sources),
        channels=channels,
        size=(size[0], size[1]),
        grid=_grid(module, [source.grid for source in sources]),
        parameters=_parameters(module) if own and module else 0,
        operations=operations,
        **window,
    )


def _parameters(module: nn.Module) -> int:
    """The number of parameters of a module; filters of fixed interpolation do not count."""
    if isinstance(module, BilinearUpsampling) and not module.weight.requires_grad:
        return 0
    return sum(parameter.numel() for parameter in module.parameters())


def _grid(module: nn.Module | None, sources: list[Grid | None]) -> Grid | None:
    known = [grid for grid in sources if grid is not None]
    if len(known) < len(sources):
        return None
    if not known:
        return Grid()  # the image
    first, *others = known
    if isinstance(module, BilinearUpsampling):
        return first.upsampled(module.taps, module.factor, module.padding)
    if isinstance(module, Fuse):
        return module.grid
    if isinstance(module, Crop):
        return first.shifted(module.offset)
    if isinstance(module, Surround):
        return first.shifted(-module.cells)
    if isinstance(module, nn.ZeroPad2d):
        return first.shifted(-module.padding[2])
    if module is not None and not others:
        return through(module, first)
    try:
        for other in others:
            first = first.beside(other)
    except ValueError:
        return None
    return first
