"""`pixelwise export`: write a run or a net as one model file."""

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

    The file is compared with the net on several image sizes before it appears under its name.
    """
    import dataclasses

    from pixelwise.core.errors import TrainingError
    from pixelwise.core.types import IMAGE
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
        from pixelwise.training.setup.recipe_net import load_run

        net, info = load_run(run, head)
        if (inputs := tuple(info.training["recipe"]["inputs"])) != (IMAGE,):
            raise TrainingError(
                f"the net of {run} takes {' and '.join(inputs)}, but model files take RGB images only",
                "evaluate it with pixelwise eval",
            )
        if info.training["recipe"]["crf_layer"] is not None:
            raise TrainingError(
                f"the net of {run} ends in a CRF layer, which model files cannot hold",
                "evaluate it with pixelwise eval; or export the run it started from, and refine with --crf",
            )
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
