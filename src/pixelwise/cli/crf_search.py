"""`pixelwise crf-search`: find the CRF's parameters for a model and a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.loading import as_learnt, load_model
from pixelwise.cli.progress import progress
from pixelwise.core.terminal import note, say

if TYPE_CHECKING:
    from pixelwise.crf.parameter_search import Ranges, Trial

EXAMPLES = (
    "pixelwise crf-search default --data voc:VOC2012 -o preset.json",
    "pixelwise crf-search default --data voc:VOC2012 --w1 1:2:5 --images 50 --seed 1 -o light.json",
)


def crf_search(
    model: options.Model,
    data: options.Data,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PRESET.json", help="The result.")],
    split: options.OneSplit = "val",
    classes: options.Classes = None,
    ids: options.Ids = None,
    grid: Annotated[
        str,
        typer.Option(metavar="quick|paper", help="First round: 27 points, or DeepLab's 288 (w1 5:1:10 ...)."),
    ] = "quick",
    images: Annotated[int, typer.Option(min=1, help="How many pictures of the split.")] = 100,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Choose them at random; default: evenly spaced (--grid paper: seed 0)."),
    ] = None,
    w1: Annotated[
        str | None,
        typer.Option(metavar="LOW:HIGH", help="Range of the bilateral kernel's weight, or LOW:STEP:HIGH."),
    ] = None,
    theta_alpha: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH", help="Range of its width in pixels.")
    ] = None,
    theta_beta: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH", help="Range of its width in grey levels.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace PRESET and its picture if they exist.")
    ] = False,
) -> None:
    """Search the CRF's w1, theta_alpha and theta_beta for the best mean IoU, from coarse to fine.

    This is DeepLab's search. w2 = theta_gamma = 3, 10 iterations and normalisation after filtering stay
    fixed. The first round covers the ranges, by default 5:10, 50:100 and 3:10; later rounds may leave them
    to follow the best value. Pass the result to --crf-preset. A picture beside it shows the mean IoU around
    the best point. After Ctrl-C the same command continues: scores and trials stay in PRESET.search.
    Evaluate the preset on pictures that the search did not use.
    """
    from pixelwise.core.errors import PresetError
    from pixelwise.core.files import write_atomically
    from pixelwise.core.pictures.writing import write_picture
    from pixelwise.crf.parameter_search import Trial, best, search
    from pixelwise.data import open_dataset
    from pixelwise.data.spec import without_folders
    from pixelwise.evaluation.crf_scores import ScoredImages, at_random, evenly
    from pixelwise.evaluation.metrics import confusion
    from pixelwise.evaluation.report.search_surface import draw_surface

    ranges = _ranges(grid, w1=w1, theta_alpha=theta_alpha, theta_beta=theta_beta)
    if grid == "paper" and seed is None:
        seed = 0
    if output.suffix != ".json":
        raise typer.BadParameter(f"expected a name that ends in .json, got {output}", param_hint="--output")
    surface = output.with_suffix(".png")
    for path in (output, surface):
        if path.exists() and not overwrite:
            raise PresetError(f"{path} is there already", "--overwrite replaces it")
    predictor = load_model(model)
    dataset = as_learnt(open_dataset(data, split, None, ids), predictor)
    dataset = dataset if classes is None else dataset.select(classes)
    dataset = evenly(dataset, images) if seed is None else at_random(dataset, images, seed)
    scored = ScoredImages(predictor, dataset, output.with_suffix(".search"))
    with progress("scoring", len(scored)) as tell:
        scored.compute(tell)
    without = confusion.mean_iou(scored.confusion(None))
    note(f"{len(scored)} images, mean IoU without CRF {without:.2%}")
    with progress("searching", ranges.most_trials(), "trials") as tell:

        def report(trials: list[Trial]) -> None:
            tell(len(trials))
            last, top = trials[-1], best(trials)
            note(f"{len(trials):3}  {_shown(last)}; best {top.score:.2%}")

        trials = search(scored.mean_iou, ranges, scored.known(), report)
    top = best(trials)
    if top.score <= without:
        note("warning: no trial beats the result without CRF; try other ranges")
    where = f"{without_folders(data)} {split}" + (f" ({ids.name})" if ids else "")
    record = {
        "model": predictor.identity,
        "data": where,
        "images": len(scored),
        "seed": seed,
        "classes": list(predictor.classes.names),
        "mean_iou": round(top.score, 6),
        "mean_iou_without_crf": round(without, 6),
        "trials": len(trials),
        "ranges": {name: list(limits) for name, limits in vars(ranges).items()},
        "convention": confusion.CONVENTION,
    }
    preset = top.point.preset(output.stem, f"pixelwise crf-search, {predictor.info.name} on {where}")
    write_atomically(output, lambda file: file.write(preset.to_json(record).encode()))
    write_picture(surface, draw_surface(trials, top.point.w1, without))
    say(f"{_shown(top)}; without CRF {without:.2%}; {len(scored)} images, {len(trials)} trials")
    say(f"Convention: {confusion.CONVENTION}.")
    say(f"{output}: use it with --crf-preset; {surface} shows the surface")


def _ranges(grid: str, **texts: str | None) -> "Ranges":
    """The named grid, with the ranges LOW:HIGH or LOW:STEP:HIGH that the user gave."""
    import dataclasses

    from pixelwise.crf.parameter_search import GRIDS

    if grid not in GRIDS:
        raise typer.BadParameter(f"expected {' or '.join(GRIDS)}, got {grid}", param_hint="--grid")
    limits: dict[str, tuple[float, ...]] = {}
    for name, text in texts.items():
        if text is None:
            continue
        try:
            low, *step, high = map(float, text.split(":"))
            if len(step) > 1:
                raise ValueError
        except ValueError:
            raise typer.BadParameter(
                f"expected LOW:HIGH or LOW:STEP:HIGH, got {text}", param_hint=f"--{name.replace('_', '-')}"
            ) from None
        limits[name] = (low, high, *step)
    try:
        return dataclasses.replace(GRIDS[grid], **limits)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None


def _shown(trial: "Trial") -> str:
    point = trial.point
    values = f"w1 {point.w1:g}, theta_alpha {point.theta_alpha:g}, theta_beta {point.theta_beta:g}"
    return f"{values}: mean IoU {trial.score:.2%}"
