"""What `pixelwise crf-search` prints: each trial, the best one, and where it was written."""

from typing import TYPE_CHECKING

from pixelwise.cli.progress import progress
from pixelwise.core.terminal import counted, note, say, say_text

if TYPE_CHECKING:
    from pixelwise.crf.parameter_search import Trial
    from pixelwise.workflows.crf_search import CRFSearch


def show(search: "CRFSearch") -> None:
    """Score the images, run the search and print each trial as it comes."""
    from pixelwise.crf.parameter_search import best
    from pixelwise.evaluation.metrics.confusion import CONVENTION
    from pixelwise.evaluation.training_pictures import learnt

    images = len(search.scored)
    with progress("scoring", images) as tell:
        without = search.score(tell)
    note(f"{counted(images, 'image')}, mean IoU without CRF {without:.2%}")
    with progress("searching", search.ranges.most_trials(), "trials") as tell:

        def report(trials: "list[Trial]") -> None:
            tell(len(trials))
            note(f"{len(trials):3}  {_shown(trials[-1])}; best {best(trials).score:.2%}")

        found = search.run(without, report)
    if found.best.score <= without:
        note("warning: no trial beats the result without CRF; try other ranges")
    scope = f"{counted(images, 'image')}, {counted(len(found.trials), 'trial')}"
    say(f"{_shown(found.best)}; without CRF {without:.2%}; {scope}")
    say_text(f"Convention: {CONVENTION}.")
    if found.in_training:
        say_text(
            f"{learnt(found.in_training, images)} These parameters may not suit pictures that are new to it."
        )
    say(f"{found.path}: use it with --crf-preset; {found.surface} shows the surface")


def _shown(trial: "Trial") -> str:
    point = trial.point
    values = f"w1 {point.w1:g}, theta_alpha {point.theta_alpha:g}, theta_beta {point.theta_beta:g}"
    return f"{values}: mean IoU {trial.score:.2%}"
