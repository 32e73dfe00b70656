"""`pixelwise hha`: from depth to disparity, height above ground and angle with gravity."""

import math
from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.progress import progress
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
    ceiling 218); black where depth is 0. The direction of gravity is estimated from the surfaces.
    """
    from PIL import Image

    from pixelwise.core.errors import DataError
    from pixelwise.core.pictures.writing import write_picture
    from pixelwise.core.threads import in_order, processors
    from pixelwise.data.hha import Camera, read_metres
    from pixelwise.data.hha import hha as encode

    try:
        seen_by = Camera.parse(camera)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="--camera") from None
    if per_metre is not None and not math.isfinite(per_metre):
        raise typer.BadParameter(f"expected a finite number, got {per_metre}", param_hint="--per-metre")
    if depth.is_dir():
        suffixes = (".png", ".tif", ".tiff", ".npy")
        files = sorted(path for path in depth.iterdir() if path.suffix.lower() in suffixes)
        goals = [output / f"{path.stem}.png" for path in files]
        if output.exists() and not output.is_dir():
            raise DataError(f"{output} is a file, but {depth} is a folder", "name a folder as --output")
        if len(set(goals)) < len(goals):
            raise DataError(
                f"{depth} has depth pictures that differ in their ending only", "remove one of each"
            )
    else:
        files, goals = [depth], [output / f"{depth.stem}.png" if output.is_dir() else output]
    if not files:
        raise DataError(f"no depth pictures in {depth}", "they end in .png, .tif or .npy")
    if goals[0].suffix.lower() != ".png":
        raise DataError(f"HHA is written as PNG, but {goals[0]} does not end in .png", "end --output in .png")
    if same := [
        path for path, goal in zip(files, goals, strict=True) if goal.exists() and goal.samefile(path)
    ]:
        raise DataError(f"{same[0]} would be overwritten by its own HHA", "choose another --output")

    def work(index: int) -> None:
        picture = Image.fromarray(encode(read_metres(files[index], per_metre), seen_by))
        write_picture(goals[index], picture)

    with progress("encoding", len(files)) as tell:
        for done, _ in enumerate(in_order(work, range(len(files)), processors()), start=1):
            tell(done)
    say(f"{len(files)} picture{'s' * (len(files) > 1)} in {output}")
