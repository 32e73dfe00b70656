"""What `pixelwise train` prints: learning rates that were tried, the best step, the next command."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import typer

from pixelwise.core.terminal import note, say

if TYPE_CHECKING:
    from pixelwise.workflows.training import TrainedRun, Training


@contextmanager
def one_tells(tells: bool) -> Iterator[None]:
    """If several processes find the same fault, or are interrupted, only the one that `tells` reports it."""
    from pixelwise.core.errors import PixelwiseError

    try:
        yield
    except (PixelwiseError, KeyboardInterrupt) as end:
        if tells:
            raise
        raise typer.Exit(130 if isinstance(end, KeyboardInterrupt) else 1) from None


def show_rates(training: "Training", settings: Sequence[str]) -> None:
    """Try learning rates and print a table of them, and the command with the best."""
    from pixelwise.training import rate_search
    from pixelwise.training.stages import Chain, first_stage

    recipe = training.recipe
    trials: list[rate_search.Trial] = []
    for trial in rate_search.find_rate(first_stage(recipe), training.train_set):
        if not trials:
            say(f"{'learning_rate':>14}{'head_learning_rate':>20}{'loss':>10}")
        trials.append(trial)
        say(f"{trial.learning_rate:14.3g}{trial.head_learning_rate:20.3g}{trial.loss:10.4f}")
    found = [*settings, *rate_search.best(trials).settings()]
    say(f"lowest loss: pixelwise train {recipe.name}{''.join(f' --set {quote(each)}' for each in found)}")
    if isinstance(recipe, Chain):
        note(f"note: this is for the first of {len(recipe.stages)} stages, but --set changes all of them")


def show_summary(run: "TrainedRun") -> None:
    """Print the best step and its figures in per cent."""
    from pixelwise.evaluation.evaluation import SUMMARY

    if (best := run.best) is not None:
        figures = ", ".join(f"{name} {100 * best[key]:.2f} %" for key, name in SUMMARY.items() if key in best)
        say(f"best net, of step {best['step']}: {figures}")


def resume_command(recipe: str, run: Path, devices: int, nodes: int) -> str:
    """The command that goes on with a stopped run, in as many processes."""
    places = [
        f" {name} {number}" for name, number in (("--devices", devices), ("--nodes", nodes)) if number > 1
    ]
    return f"pixelwise train {quote(recipe)} -o {quote(str(run))} --resume{''.join(places)}"


def show_interruption(recipe: str, run: Path, devices: int, nodes: int) -> None:
    """Print how a run that ended at once goes on, if it has a checkpoint."""
    from pixelwise.training.checkpoint import CHAIN, LAST

    if (run / LAST).exists() or (run / CHAIN).exists():
        command = resume_command(recipe, run, devices, nodes)
        note(f"stopped without a new checkpoint; continue from the last one with: {command}")


def next_command(run: Path) -> str:
    """How to make a model file of a finished run."""
    return f"make a model file with: pixelwise export {quote(str(run))} -o model.onnx"
