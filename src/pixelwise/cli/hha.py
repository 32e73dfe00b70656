"""`pixelwise hha`: from depth to disparity, height above ground and angle with gravity."""

import math
from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.progress import counting
from pixelwise.core.terminal import say

EXAMPLES = (
    "pixelwise hha depth.png --camera nyud -o hha.png",
    "pixelwise hha depth --camera 525,525,319.5,239.5 --per-metre 5000 -o hha",
)


def hha(
    depth: Annotated[Path, typer.Argument(help="Depth picture (PNG, TIFF, .npy), or a folder of them.")],
    camera: Annotated[str, typer.Option(help="FX,FY,CX,CY in pixels, or nyud.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG file; for a folder, a folder.")],
    per_metre: Annotated[
        float | None,
        typer.Option(min=1e-9, help="File units per metre; default: 1000, or 1 for floating point."),
    ] = None,
) -> None:
    """Encode depth as HHA: horizontal disparity, height above ground, angle with gravity, 8 bits each.

    Red is 310 / metres, green centimetres above the floor, blue the angle + 38 degrees (floor 38, wall 128,
    ceiling 218); a pixel is black where the depth is 0. The direction of gravity is estimated from the
    surfaces.
    """
    from pixelwise.data.hha import Camera
    from pixelwise.data.hha_files import write_hha

    try:
        seen_by = Camera.parse(camera)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="--camera") from None
    if per_metre is not None and not math.isfinite(per_metre):
        raise typer.BadParameter(f"expected a finite number, got {per_metre}", param_hint="--per-metre")
    with counting("encoding") as tell:
        written = write_hha(depth, output, seen_by, per_metre, tell)
    say(f"{len(written)} picture{'s' * (len(written) > 1)} in {output}")
