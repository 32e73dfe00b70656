"""`pixelwise crf-search`: find the CRF's parameters for a model and a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.crf_search_report import show

if TYPE_CHECKING:
    from pixelwise.crf.parameter_search import Ranges

EXAMPLES = (
    "pixelwise crf-search default --data voc:VOC2012 -o preset.json",
    "pixelwise crf-search default --data voc:VOC2012 --w1 1:2:5 --images 50 --seed 1 -o light.json",
)
_Output = Annotated[Path, typer.Option("--output", "-o", metavar="PRESET.json", help="The result.")]
_Grid = Annotated[
    str, typer.Option(metavar="quick|paper", help="First round: 27 points, or DeepLab's 288 (w1 5:1:10 ...).")
]
_Images = Annotated[int, typer.Option(min=1, help="How many pictures of the split.")]
_Seed = Annotated[
    int | None,
    typer.Option(min=0, help="Choose the pictures at random; default: evenly spaced (--grid paper: seed 0)."),
]
_W1 = Annotated[
    str | None,
    typer.Option(metavar="LOW:HIGH", help="Range of the bilateral kernel's weight, or LOW:STEP:HIGH."),
]
_ThetaAlpha = Annotated[str | None, typer.Option(metavar="LOW:HIGH", help="Range of its width in pixels.")]
_ThetaBeta = Annotated[
    str | None, typer.Option(metavar="LOW:HIGH", help="Range of its width in grey levels.")
]
_Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace PRESET and its picture if they exist.")
]


def crf_search(
    model: options.Model,
    data: options.Data,
    output: _Output,
    split: options.OneSplit = "val",
    classes: options.Classes = None,
    ids: options.Ids = None,
    grid: _Grid = "quick",
    images: _Images = 100,
    seed: _Seed = None,
    w1: _W1 = None,
    theta_alpha: _ThetaAlpha = None,
    theta_beta: _ThetaBeta = None,
    overwrite: _Overwrite = False,
) -> None:
    """Search the CRF's w1, theta_alpha and theta_beta for the best mean IoU, from coarse to fine.

    This is DeepLab's search. w2 = theta_gamma = 3, 10 iterations and normalisation after filtering stay
    fixed. The first round covers the ranges, by default 5:10, 50:100 and 3:10; later rounds may go beyond
    them to follow the best value. Pass the result to --crf-preset. A picture beside it shows the mean IoU
    around the best point. After Ctrl-C the same command continues: scores and trials stay in PRESET.search.
    Evaluate the preset on pictures that the search did not use.
    """
    from pixelwise.workflows.crf_search import prepare_search

    ranges = _ranges(grid, w1=w1, theta_alpha=theta_alpha, theta_beta=theta_beta)
    options.check_ending(output, ".json")
    search = prepare_search(
        model,
        data,
        output,
        split,
        classes=classes,
        ids=ids,
        ranges=ranges,
        images=images,
        seed=0 if grid == "paper" and seed is None else seed,
        overwrite=overwrite,
    )
    show(search)


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
