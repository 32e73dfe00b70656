"""`pixelwise time`: seconds per picture, stage by stage."""

from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.option_groups import AugmentationOptions, InferenceOptions, RefinementOptions
from pixelwise.cli.progress import progress
from pixelwise.cli.timing_report import show
from pixelwise.core.terminal import say_json

if TYPE_CHECKING:
    from pixelwise.workflows.loading import LoadOptions

EXAMPLES = (
    "pixelwise time default --size 500x500 --precision auto",
    "pixelwise time default --size 240x320 --crf --runs 5 --json",
)


def time(
    model: options.Model,
    size: Annotated[
        str, typer.Option(metavar="HEIGHTxWIDTH", help="Size of the picture, in pixels.")
    ] = "500x500",
    long_side: Annotated[
        int | None,
        typer.Option(
            min=1, max=20_000, help="Score the picture at most this long, in pixels; default: the model's."
        ),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Number of runs for mean, median and quartiles.")] = 20,
    threads: options.Threads = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, in seconds.")] = False,
    *,
    augmentation: AugmentationOptions,
    refinement: RefinementOptions,
    inference: InferenceOptions,
) -> None:
    """Time the segmentation of one synthetic photo, from a JPEG file to labels, after a warm-up.

    To compare with FCN's table 1, take the mean of "net" over 20 runs on 500x500 pixels, with --long-side 500
    so that the net takes the picture at full size.
    """
    from pixelwise.inference.stage_timing import MOST_PIXELS, time_photo
    from pixelwise.workflows import load

    sides = options.parsed_size(size)
    if sides[0] * sides[1] > MOST_PIXELS:
        raise typer.BadParameter(f"expected at most {MOST_PIXELS:,} pixels, got {size}", param_hint="--size")
    loading: LoadOptions = {
        "threads": threads,
        "crf": refinement.preset(),
        "views": augmentation.views(),
        **inference.for_load(),
    }
    predictor = load(model, **loading)
    with progress("timing", runs, "runs") as tell:
        timing = time_photo(predictor, sides, long_side, runs, tell)
    if as_json:
        say_json({"model": model, **timing.to_dict()})
    else:
        show(timing)
