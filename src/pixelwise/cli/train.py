"""`pixelwise train`: train a net by a recipe."""

import sys
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.progress import bars
from pixelwise.cli.training_report import (
    next_command,
    one_tells,
    resume_command,
    show_interruption,
    show_rates,
    show_summary,
)
from pixelwise.core.terminal import note, say

EXAMPLES = (
    "pixelwise train finetune --set data=folder:my_images -o runs/mine",
    "pixelwise train finetune -o runs/mine --resume",
)


def train(
    recipe: options.RecipeName,
    settings: options.Settings = None,
    output: options.RunFolder = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the run's last checkpoint.")
    ] = False,
    devices: options.Devices = 1,
    nodes: options.Nodes = 1,
    find_rate: options.FindRate = False,
    precision: options.TrainingPrecision = None,
    accelerator: options.Accelerator = None,
) -> None:
    """Train a net on labelled images, after an audit of all labels.

    The run folder gets log.jsonl, TensorBoard's files and two checkpoints: last.pt, from which --resume
    continues, and best.pt, which has the highest mean IoU on the val split and is for eval and export. Ctrl-C
    stops after a checkpoint. --resume continues with the recipe and settings of the run; add --set steps=N to
    make the run longer. A recipe of several stages has a run folder for each below the output, and --resume
    finds the right one. --set epochs=N counts passes over the pictures instead of steps.
    """
    from pixelwise.training.distributed import launcher

    if find_rate:
        options.refuse("--find-rate, which trains no run", {"--resume": resume})
    if devices * nodes > 1 and not launcher.is_launched():
        raise typer.Exit(launcher.launch(devices, nodes, sys.argv[1:]))
    from pixelwise.workflows.training import prepare

    named = {"precision": precision, "accelerator": accelerator}
    given = [*(settings or []), *(f"{name}={value}" for name, value in named.items() if value)]
    with one_tells(launcher.is_first_here()), bars("checking") as tell:
        training = prepare(recipe, given, output, resume=resume, on_image=tell)
    with one_tells(launcher.is_first()):
        if find_rate:
            show_rates(training, given)
            return
        try:
            run = training.run()
        except KeyboardInterrupt:
            if launcher.is_first():
                show_interruption(recipe, training.path, devices, nodes)
            raise
    if not run.finished and launcher.is_first():
        note(f"stopped; continue with: {resume_command(recipe, run.path, devices, nodes)}")
    if not run.finished:
        raise typer.Exit(130)
    if launcher.is_first():
        show_summary(run)
        say(f"finished; {next_command(run.path)}")
