"""`pixelwise export`: a run becomes one model file."""

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.console import out

EXAMPLES = """
pixelwise export runs/mine -o mine.onnx
pixelwise export runs/mine -o mine.onnx --name mine
"""


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of pixelwise train.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model file to write.")] = Path(
        "model.onnx"
    ),
    name: Annotated[
        str | None, typer.Option(help="What the model calls itself; the recipe's name by default.")
    ] = None,
) -> None:
    """Write a trained net as ONNX: any image size, checked against the net, complete with classes and record."""
    from pixelwise.cli.console import require_train_tier

    require_train_tier()
    from pixelwise.export.onnx import export_onnx
    from pixelwise.models.batch_norm import fold_batch_norm
    from pixelwise.training.net import load_run, run_info

    net, recipe, classes, state = load_run(run)
    fold_batch_norm(net)
    deviation = export_onnx(net, run_info(recipe, classes, state, name), output)
    size = output.stat().st_size / 1e6
    out.print(
        f"{output}: {size:.1f} MB, scores within {deviation:.1e} of their spread of the net's",
        highlight=False,
    )
