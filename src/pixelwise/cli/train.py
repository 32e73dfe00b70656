"""`pixelwise train`: fit a net as a recipe says."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.progress import progress

EXAMPLES = (
    "pixelwise train finetune --set data=folder:my_images --output runs/mine",
    "pixelwise train finetune --output runs/mine --resume",
)


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Name of a recipe; a wrong one lists them.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a field of the recipe; may be repeated."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Run folder; by default runs/RECIPE.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    devices: Annotated[
        int, typer.Option(min=1, help="Processes on this machine, with a GPU each if there are any.")
    ] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines, each of which is given this command.")] = 1,
    precision: Annotated[
        str | None,
        typer.Option(metavar="NAME", help='As --set precision=NAME; "auto": bf16-mixed where that pays.'),
    ] = None,
) -> None:
    """Train a net on labelled images, after an audit of all labels.

    The run folder gets checkpoints, log.jsonl and TensorBoard's files: last.pt to go on from, best.pt, the
    best by mean IoU on the val split, for eval and export. Ctrl-C stops after a checkpoint, and --resume goes
    on from there with the recipe and settings the run was started with, as if nothing had happened.
    """
    from pixelwise.training import launch

    if devices * nodes > 1 and "WORLD_SIZE" not in os.environ:
        raise typer.Exit(launch.launch(devices, nodes, sys.argv[1:]))
    from pixelwise.data import open_dataset
    from pixelwise.data.audit import audit
    from pixelwise.errors import PixelwiseError, TrainingError
    from pixelwise.recipes import get_recipe
    from pixelwise.training import checkpoint
    from pixelwise.training.loop import train as fit
    from pixelwise.training.recipe import Recipe

    run = output or Path("runs") / recipe
    chosen = get_recipe(recipe)
    if resume:
        chosen = Recipe.from_dict(checkpoint.load(run / checkpoint.LAST).recipe)
        if chosen.name != recipe:
            raise TrainingError(f"{run} holds a run of {chosen.name}, not of {recipe}", "name that recipe")
    chosen = chosen.override([*(settings or []), *([f"precision={precision}"] if precision else [])])
    train_set = open_dataset(chosen.data, chosen.train_split, chosen.classes)
    val_set = open_dataset(chosen.data, chosen.val_split, chosen.classes)
    for dataset in (train_set, val_set) if launch.is_first_here() else ():
        with progress(f"checking {dataset.name}", len(dataset)) as tell:
            report = audit(dataset, tell)
        report.raise_errors()
        for warning in report.warnings:
            print(f"warning: {dataset.name}: {warning.message}", file=sys.stderr)
    try:
        finished = fit(chosen, train_set, val_set, run, resume=resume)
    except PixelwiseError:
        if launch.is_first():
            raise
        raise typer.Exit(1) from None  # the first process tells what all of them know
    if not finished and launch.is_first():
        print(f"stopped; go on with: pixelwise train {recipe} --output {run} --resume", file=sys.stderr)
    if not finished:
        raise typer.Exit(130)
    if launch.is_first():
        print(f"finished; make a model file with: pixelwise export {run} -o model.onnx")
