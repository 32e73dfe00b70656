"""`pixelwise train`: train a net by a recipe."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.progress import progress
from pixelwise.core.terminal import note, say

if TYPE_CHECKING:
    from pixelwise.data import LabelledImages
    from pixelwise.training.recipe import Recipe
    from pixelwise.training.stages import Chain

EXAMPLES = (
    "pixelwise train finetune --set data=folder:my_images --output runs/mine",
    "pixelwise train finetune --output runs/mine --resume",
)

FEW = 10
"""With fewer validation pictures, figures depend on single ones."""


def train(
    recipe: options.RecipeName,
    settings: options.Settings = None,
    output: Annotated[Path | None, typer.Option(help="Run folder; by default runs/RECIPE.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the run's last checkpoint.")
    ] = False,
    devices: Annotated[
        int, typer.Option(min=1, max=256, help="Processes on this machine, with a GPU each if there are any.")
    ] = 1,
    nodes: Annotated[
        int, typer.Option(min=1, max=4096, help="Machines; run this command on each of them.")
    ] = 1,
    find_rate: Annotated[
        bool,
        typer.Option(
            "--find-rate", help="Try learning rates for a few steps each, print their losses, and stop."
        ),
    ] = False,
    precision: Annotated[
        str | None,
        typer.Option(metavar="NAME", help='As --set precision=NAME; "auto": bf16-mixed where that pays.'),
    ] = None,
) -> None:
    """Train a net on labelled images, after an audit of all labels.

    The run folder holds checkpoints, log.jsonl and TensorBoard files. --resume continues from last.pt; eval
    and export take best.pt, the net with the best mean IoU on the val split. Ctrl-C stops after a
    checkpoint. --resume then continues with the recipe and settings of the run, and gives the same net as a
    run without interruption. A recipe of stages makes a run folder for each stage, below the output.
    """
    from pixelwise.training.distributed import launcher

    if devices * nodes > 1 and not launcher.is_launched():
        raise typer.Exit(launcher.launch(devices, nodes, sys.argv[1:]))
    from pixelwise.core.errors import TrainingError
    from pixelwise.data.checks.audit import audit
    from pixelwise.recipes import get_recipe
    from pixelwise.training.loop import train as fit
    from pixelwise.training.setup.run_start import opened, with_also
    from pixelwise.training.stages import Chain, first_stage, train_chain

    run = output or Path("runs") / recipe
    with _one_tells(launcher.is_first_here()):
        chosen = get_recipe(recipe)
        if resume:
            chosen = _begun(chosen, run)
            if chosen.name != recipe:
                raise TrainingError(
                    f"{run} holds a run of {chosen.name}, not of {recipe}", "name that recipe"
                )
        given = [*(settings or []), *([f"precision={precision}"] if precision else [])]
        chosen = chosen.override(given)
        first = first_stage(chosen)
        train_set = with_also(first, opened(first, first.data, first.train_split))
        val_set = opened(first, first.val_data or first.data, first.val_split)
        for dataset in (train_set, val_set) if launcher.is_first_here() else ():
            with progress(f"checking {dataset.name}", len(dataset)) as tell:
                report = audit(dataset, tell)
            report.raise_errors()
            for warning in report.warnings:
                note(f"warning: {dataset.name}: {warning.message}")
        if launcher.is_first_here() and len(val_set) < FEW:
            note(
                f"warning: {val_set.name}: only {len(val_set)} to judge by, so the choice of the best net "
                "and its figures are uncertain; label more, or put more of them into val/",
            )
    with _one_tells(launcher.is_first()):
        if find_rate:
            _find_rate(chosen, train_set, given)
            return
        if isinstance(chosen, Chain):
            finished = train_chain(chosen, train_set, val_set, run, resume)
        else:
            finished = fit(chosen, train_set, val_set, run, resume)
    if not finished and launcher.is_first():
        again = f"pixelwise train {recipe} --output {quote(str(run))} --resume"
        note(f"stopped; go on with: {again}")
    if not finished:
        raise typer.Exit(130)
    if launcher.is_first():
        say(f"finished; {_next(chosen, run)}")


@contextmanager
def _one_tells(tells: bool) -> Iterator[None]:
    """Let one of several processes, the one where `tells` is true, report an error or an interruption."""
    from pixelwise.core.errors import PixelwiseError

    try:
        yield
    except (PixelwiseError, KeyboardInterrupt) as end:
        if tells:
            raise
        raise typer.Exit(130 if isinstance(end, KeyboardInterrupt) else 1) from None


def _begun(recipe: "Recipe | Chain", run: Path) -> "Recipe | Chain":
    """The recipe with the settings that the run was started with."""
    from pixelwise.training import checkpoint
    from pixelwise.training.recipe import Recipe
    from pixelwise.training.stages import Chain, read_chain

    if isinstance(recipe, Chain):
        return read_chain(run)
    return Recipe.from_dict(checkpoint.load(run / checkpoint.LAST).recipe)


def _find_rate(recipe: "Recipe | Chain", train_set: "LabelledImages", settings: list[str]) -> None:
    from pixelwise.training import rate_search
    from pixelwise.training.stages import Chain, first_stage

    trials: list[rate_search.Trial] = []
    for trial in rate_search.find_rate(first_stage(recipe), train_set):
        if not trials:
            say(f"{'learning_rate':>14}{'head_learning_rate':>20}{'loss':>10}")
        trials.append(trial)
        say(f"{trial.learning_rate:14.3g}{trial.head_learning_rate:20.3g}{trial.loss:10.4f}")
    found = [*settings, *rate_search.best(trials).settings()]
    say(f"lowest loss: pixelwise train {recipe.name}{''.join(f' --set {quote(each)}' for each in found)}")
    if isinstance(recipe, Chain):
        note(f"note: this is for the first of {len(recipe.stages)} stages, but --set changes all of them")


def _next(recipe: "Recipe | Chain", run: Path) -> str:
    """The next command after training: export, or eval for nets that a model file cannot hold."""
    from pixelwise.core.types import IMAGE
    from pixelwise.training.stages import Chain

    last = recipe.stages[-1] if isinstance(recipe, Chain) else recipe
    if last.inputs == (IMAGE,) and last.crf_layer is None:
        return f"make a model file with: pixelwise export {quote(str(run))} -o model.onnx"
    classes = [] if last.classes is None else ["--classes", last.classes]
    data = ["--data", last.val_data or last.data, "--split", last.val_split, *classes]
    return f"judge it with: {join(['pixelwise', 'eval', str(run), *data])}"
