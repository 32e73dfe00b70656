"""`pixelwise train`: fit a net as a recipe says."""

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.console import Progress, err, out

EXAMPLES = """
pixelwise train finetune --set data=folder:my_images --output runs/mine
pixelwise train finetune --output runs/mine --resume
"""


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Name of a recipe; a wrong one lists them.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a field of the recipe; repeatable."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Run folder; runs/RECIPE by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
) -> None:
    """Train a net on labelled images. Ctrl-C stops after a checkpoint; --resume goes on as if nothing had happened."""
    from pixelwise.cli.console import require_train_tier

    require_train_tier()
    from pixelwise.data import open_dataset
    from pixelwise.data.audit import audit
    from pixelwise.recipes import get_recipe
    from pixelwise.training import checkpoint, loop
    from pixelwise.training.recipe import Recipe

    run = output or Path("runs") / recipe
    chosen = get_recipe(recipe)
    if resume:
        chosen = Recipe.from_dict(checkpoint.load(run / checkpoint.LAST).recipe)
    chosen = chosen.override(settings or [])
    sets = [
        open_dataset(chosen.data, split, chosen.classes) for split in (chosen.train_split, chosen.val_split)
    ]
    for dataset in sets:
        with Progress(f"checking {dataset.name}", len(dataset)) as progress:
            report = audit(dataset, progress)
        report.raise_errors()
        for warning in report.warnings:
            err.print(f"warning: {dataset.name}: {warning.message}", markup=False, highlight=False)
    finished = loop.train(chosen, *sets, run, resume=resume)
    if not finished:
        err.print(f"stopped; go on with: pixelwise train {recipe} --output {run} --resume", highlight=False)
        raise typer.Exit(130)
    out.print(f"finished; make a model file with: pixelwise export {run} -o model.onnx", highlight=False)
