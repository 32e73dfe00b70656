"""`pixelwise describe`: one net, layer by layer."""

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.describe_report import show
from pixelwise.core.terminal import note

EXAMPLES = (
    "pixelwise describe fcn8s-vgg16",
    "pixelwise describe deeplab-large-fov --size 321x321 --draw large_fov.svg",
)


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

    Cell i of a map sees `field` pixels, centred at pixel offset + i * cell. ReLU and dropout are left out.
    """
    from pixelwise.models.paper_nets import CATALOGUE

    if name not in CATALOGUE:
        raise typer.BadParameter(f"expected one of {', '.join(CATALOGUE)}, got {name}", param_hint="NET")
    if draw is not None and draw.suffix not in (".svg", ".png"):
        raise typer.BadParameter(f"expected an .svg or .png file, got {draw}", param_hint="--draw")
    sides = options.parsed_size(size)
    from pixelwise.inspect import describe as described

    try:
        net = described(name, sides, classes)
    except ValueError as problem:
        raise typer.BadParameter(str(problem), param_hint="--size") from problem
    show(net, as_json)
    if draw is not None:
        canvas = net.drawn()
        canvas.save(draw)
        note(f"{draw}: {canvas.width}x{canvas.height}")
