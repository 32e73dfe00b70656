"""`pixelwise describe`: one net, layer by layer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli import options, tables
from pixelwise.core.terminal import note, say, say_json

if TYPE_CHECKING:
    from pixelwise.inspect.net_layers import Layer

EXAMPLES = (
    "pixelwise describe fcn8s-vgg16",
    "pixelwise describe deeplab-large-fov --size 321x321 --draw large_fov.svg",
)
_WITHOUT_ROWS = ("ReLU", "Dropout", "Dropout2d", "Identity", "to", "sub", "truediv")


def describe(
    name: Annotated[str, typer.Argument(metavar="NET", help="A net of `pixelwise models`.")],
    size: Annotated[
        str, typer.Option(metavar="HEIGHTxWIDTH", help="Size of the image, in pixels.")
    ] = "500x500",
    classes: Annotated[int, typer.Option(min=1, max=255, help="Number of classes.")] = 21,
    draw: Annotated[
        Path | None,
        typer.Option(help="Draw the net as in figure 3 of the FCN paper: an .svg or .png file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per layer.")] = False,
) -> None:
    """Show the layers of a net: size, stride, receptive field, grid, parameters, operations.

    Cell i of a map sees `field` pixels around pixel offset + i * cell. ReLU and dropout are left out.
    """
    from pixelwise.models.paper_nets import CATALOGUE, build

    if name not in CATALOGUE:
        raise typer.BadParameter(f"expected one of {', '.join(CATALOGUE)}, got {name}", param_hint="NET")
    if draw is not None and draw.suffix not in (".svg", ".png"):
        raise typer.BadParameter(f"expected an .svg or .png file, got {draw}", param_hint="--draw")
    height, width = options.parsed_size(size)
    import torch

    from pixelwise.inspect.net_layers import layers_of

    with torch.device("meta"):
        net = build(name, classes)
    try:
        layers = layers_of(net, (height, width))
    except RuntimeError as problem:
        raise typer.BadParameter(f"{name} does not take {size}: {problem}", param_hint="--size") from problem
    shown = [layer for layer in layers if layer.kind not in _WITHOUT_ROWS]
    parameters = sum(layer.parameters for layer in layers)
    operations = sum(layer.operations for layer in layers)
    if as_json:
        for layer in shown:
            say_json(_row(layer))
    else:
        _print(shown)
        say(f"{parameters:,} parameters; {operations / 1e9:.1f} GFLOP, a multiply-add is 2")
        if (view := getattr(net, "field_of_view", None)) is not None:
            speed = CATALOGUE[name].images_per_second
            trained = "" if speed is None else f"; its authors trained {speed:.2f} images per second"
            say(f"field of view of fc6: {view} pixels{trained} (DeepLab, table 2)")
    if draw is not None:
        caption = (
            f"{parameters / 1e6:.1f} M parameters, {operations / 1e9:.0f} GFLOP for {height} x {width} pixels"
        )
        _draw(layers, name, caption, draw)


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


def _print(layers: "list[Layer]") -> None:
    headings = ("layer", "kind", "channels", "size", "kernel", "stride", "rate", "field", "cell", "offset")
    rows = map(_cells, layers)
    tables.show((*headings, "parameters", "MFLOP"), rows, texts=("layer", "kind"), no_wrap=True, width=160)


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


def _draw(layers: "list[Layer]", name: str, caption: str, path: Path) -> None:
    from pixelwise.core.files import write_atomically
    from pixelwise.core.pictures.writing import write_picture
    from pixelwise.inspect.net_figure import draw

    canvas = draw(layers, name, caption)
    if path.suffix == ".svg":
        write_atomically(path, lambda file: file.write(canvas.svg().encode()))
    else:
        write_picture(path, canvas.picture())
    note(f"{path}: {canvas.width}x{canvas.height}")
