"""`pixelwise time`: seconds per picture, stage by stage."""

from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.loading import load_model
from pixelwise.cli.progress import progress
from pixelwise.terminal import say, say_json

EXAMPLES = (
    "pixelwise time default --size 500x500",
    "pixelwise time default --size 240x320 --crf --runs 5 --json",
)


def time(
    model: options.Model,
    size: Annotated[str, typer.Option(metavar="HEIGHTxWIDTH", help="Of the picture, in pixels.")] = "500x500",
    long_side: Annotated[
        int | None, typer.Option(min=1, help="Score the picture at most this long; default: the model's.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Take the median of so many.")] = 20,
    threads: options.Threads = None,
    scales: options.Scales = None,
    flip: options.Flip = False,
    crf: options.CRF = False,
    crf_preset: options.CRFPreset = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, in seconds.")] = False,
) -> None:
    """Time the segmenting of one made-up photo, from a JPEG file to labels, after a warm-up.

    FCN's paper times the net on 500x500 pixels: with --long-side 500 the net sees all of these.
    """
    import dataclasses
    import tempfile
    from pathlib import Path

    from pixelwise.inference.timing import time_stages, write_photo

    height, width = options.parsed_size(size)
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
    for name, duration in durations.items():
        quartiles = f"({1e3 * duration.low:.1f} to {1e3 * duration.high:.1f})"
        say(f"{name:16}{1e3 * duration.median:9.1f} ms  {quartiles}")
    say(
        f"{height}x{width} pixels, scored at {scored[0]}x{scored[1]}, {predictor.views}, "
        f"{predictor.engine.threads} threads; median of {runs} (quartiles) after a warm-up."
    )
