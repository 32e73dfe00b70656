"""`pixelwise time`: seconds per picture, stage by stage."""

from typing import Annotated

import typer

from pixelwise.cli import options, tables
from pixelwise.cli.loading import load_model
from pixelwise.cli.progress import progress
from pixelwise.core.terminal import say, say_json

EXAMPLES = (
    "pixelwise time default --size 500x500",
    "pixelwise time default --size 240x320 --crf --runs 5 --json",
)


def time(
    model: options.Model,
    size: Annotated[
        str, typer.Option(metavar="HEIGHTxWIDTH", help="Size of the picture, in pixels.")
    ] = "500x500",
    long_side: Annotated[
        int | None,
        typer.Option(min=1, help="Score the picture at most this long, in pixels; default: the model's."),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Number of runs for mean, median and quartiles.")] = 20,
    threads: options.Threads = None,
    scales: options.Scales = None,
    flip: options.Flip = False,
    crf: options.CRF = False,
    crf_preset: options.CRFPreset = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, in seconds.")] = False,
) -> None:
    """Time the segmentation of one synthetic photo, from a JPEG file to labels, after a warm-up.

    FCN's table 1 has the mean of "net" over 20 runs on 500x500 pixels. Use --long-side 500, so that the net
    takes the picture at full size.
    """
    import dataclasses
    import tempfile
    from pathlib import Path

    from pixelwise.inference.stage_timing import MOST_PIXELS, time_stages, write_photo

    height, width = options.parsed_size(size)
    if height * width > MOST_PIXELS:
        raise typer.BadParameter(f"expected at most {MOST_PIXELS:,} pixels, got {size}", param_hint="--size")
    preset, views = options.chosen_preset(crf, crf_preset), options.chosen_views(scales, flip)
    predictor = load_model(model, preset, views, threads)
    if long_side is not None:
        predictor.info = dataclasses.replace(predictor.info, long_side=long_side)
    with tempfile.TemporaryDirectory() as folder, progress("timing", runs, "runs") as tell:
        photo = Path(folder) / "photo.jpg"
        write_photo(photo, (height, width))
        durations = time_stages(predictor, photo, runs, tell)
    scored = predictor.info.scored_size((height, width))
    if as_json:
        record = {
            "model": model,
            "size": [height, width],
            "scored_size": list(scored),
            "views": str(predictor.views),
            "threads": predictor.engine.threads,
            "runs": runs,
            "stages": {name: dataclasses.asdict(duration) for name, duration in durations.items()},
        }
        say_json(record)
        return
    headings = ("ms", "mean", "median", "quartiles")
    rows = (
        (name, f"{1e3 * d.mean:.1f}", f"{1e3 * d.median:.1f}", f"{1e3 * d.low:.1f} to {1e3 * d.high:.1f}")
        for name, d in durations.items()
    )
    tables.show(headings, rows, texts=headings[:1])
    say(
        f"{height}x{width} pixels, scored at {scored[0]}x{scored[1]}, {predictor.views}, "
        f"{predictor.engine.threads} threads; {runs} runs after a warm-up."
    )
