"""`pixelwise export`: a run or a net becomes one model file."""

from pathlib import Path
from typing import Annotated

import typer

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
    name: Annotated[
        str | None, typer.Option(help="What the model calls itself; default: its recipe.")
    ] = None,
    long_side: Annotated[
        int | None,
        typer.Option(min=1, help="Score pictures at most this long, in pixels; default: the recipe's."),
    ] = None,
    head: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a run with several heads; default: its main one.")
    ] = None,
) -> None:
    """Write a trained net as an ONNX file for any image size, complete with classes and training record.

    A net that sees depth or HHA becomes a file with an input for each. A CRF layer travels as the model's own
    CRF, which every engine runs after the net. The file is checked against the net on several odd sizes
    before it gets its name.
    """
    import dataclasses

    from pixelwise.exporting.onnx import export_onnx
    from pixelwise.models.layers.frozen_batch_norm import fold_batch_norm
    from pixelwise.models.surgery.border_rows import narrow_borders

    if output.suffix != ".onnx":
        raise typer.BadParameter(f"expected a name that ends in .onnx, got {output}", param_hint="--output")
    if run.suffix == ".safetensors":
        if head is not None:
            raise typer.BadParameter(
                f"a net file has one head, so leave it out; got {head}", param_hint="--head"
            )
        from pixelwise.inference.model_files.net_file import read_net

        net, info = read_net(run)
    else:
        from pixelwise.training.checkpoint import BEST, chosen
        from pixelwise.training.setup.crf_layer import take_crf
        from pixelwise.training.setup.recipe_net import load_run

        net, info = load_run(run, head)
        info = dataclasses.replace(info, crf=take_crf(net))
        steps, planned = info.training["steps"], info.training["recipe"]["steps"]
        if steps < planned:
            best = ", the best on the held-out pictures" if chosen(run).name == BEST else ""
            note(f"note: this is the net after step {steps} of {planned}{best}")
    info = dataclasses.replace(info, name=name or info.name, long_side=long_side or info.long_side)
    fold_batch_norm(net)
    narrow_borders(net)
    deviation = export_onnx(net, info, output)
    size = output.stat().st_size / 1e6
    say(f"{output}: {size:.1f} MB; its scores deviate from the net's by {deviation:.1e} of their spread")
