"""`pixelwise export`: write a run or a net as one model file."""

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.core.terminal import note, say

EXAMPLES = (
    "pixelwise export runs/mine -o mine.onnx",
    "pixelwise export runs/mine -o mine.onnx --name mine --long-side 512",
)


def export(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Run folder of pixelwise train, or .safetensors of import-caffe."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model file.")] = Path("model.onnx"),
    name: Annotated[str | None, typer.Option(help="Name of the model; default: the recipe's.")] = None,
    long_side: Annotated[
        int | None,
        typer.Option(min=1, help="Score pictures at most this long, in pixels; default: the recipe's."),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which head of a run with several; default: the main one."),
    ] = None,
) -> None:
    """Write a trained net as an ONNX file for any image size, complete with classes and training record.

    A net that sees depth or HHA becomes a file with an input for each. A CRF layer travels as the model's own
    CRF, which every engine runs after the net. The file is checked against the net on several odd sizes
    before it gets its name.
    """
    from pixelwise.workflows.exporting import export as write

    options.check_ending(output, ".onnx")
    if run.suffix == ".safetensors" and head is not None:
        raise typer.BadParameter(f"a net file has one head, so leave it out; got {head}", param_hint="--head")
    made = write(run, output, name, long_side, head)
    if made.steps is not None and made.planned is not None and made.steps < made.planned:
        best = ", the best on the held-out pictures" if made.is_best else ""
        note(f"note: this is the net after step {made.steps} of {made.planned}{best}")
    size = output.stat().st_size / 1e6
    say(f"{output}: {size:.1f} MB; its scores deviate from the net's by {made.deviation:.1e} of their spread")
