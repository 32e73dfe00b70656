"""What `pixelwise describe` prints: one line per layer, and the sums."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pixelwise.cli import tables
from pixelwise.core.terminal import say, say_json

if TYPE_CHECKING:
    from pixelwise.inspect import Layer, NetDescription

_WITHOUT_ROWS = ("ReLU", "Dropout", "Dropout2d", "Identity", "to", "sub", "truediv")


def show(net: "NetDescription", as_json: bool) -> None:
    """Print the layers, as a table with the sums below, or as one JSON object each."""
    shown = [layer for layer in net.layers if layer.kind not in _WITHOUT_ROWS]
    if as_json:
        for layer in shown:
            say_json(_row(layer))
        return
    _print(shown)
    say(f"{net.parameters:,} parameters; {net.operations / 1e9:.1f} GFLOP, a multiply-add is 2")
    if net.field_of_view is not None:
        speed = net.images_per_second
        trained = "" if speed is None else f"; its authors trained {speed:.2f} images per second"
        say(f"field of view of fc6: {net.field_of_view} pixels{trained} (DeepLab, table 2)")


def _row(layer: "Layer") -> dict[str, Any]:
    grid = layer.grid
    return {
        "name": layer.name,
        "kind": layer.kind,
        "inputs": list(layer.inputs),
        "channels": layer.channels,
        "height": layer.size[0],
        "width": layer.size[1],
        "kernel": layer.kernel,
        "stride": layer.stride,
        "rate": layer.dilation,
        "field": None if grid is None else float(grid.field),
        "cell": None if grid is None else float(grid.stride),
        "offset": None if grid is None else float(grid.offset),
        "parameters": layer.parameters,
        "operations": layer.operations,
    }


def _print(layers: "Iterable[Layer]") -> None:
    headings = ("layer", "kind", "channels", "size", "kernel", "stride", "rate", "field", "cell", "offset")
    rows = map(_cells, layers)
    tables.show((*headings, "parameters", "MFLOP"), rows, texts=("layer", "kind"), width=160)


def _cells(layer: "Layer") -> tuple[str, ...]:
    grid = layer.grid
    places = ["?"] * 3 if grid is None else [f"{float(v):g}" for v in (grid.field, grid.stride, grid.offset)]
    return (
        layer.name,
        layer.kind,
        str(layer.channels),
        f"{layer.size[0]}x{layer.size[1]}",
        *("" if value is None else str(value) for value in (layer.kernel, layer.stride)),
        "" if layer.dilation == 1 else str(layer.dilation),
        *places,
        f"{layer.parameters:,}" if layer.parameters else "",
        f"{layer.operations / 1e6:,.1f}" if layer.operations else "",
    )
