"""`pixelwise compare`: two evaluations of the same images side by side."""

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.comparison_report import show
from pixelwise.core.terminal import say_json

EXAMPLES = (
    "pixelwise compare reports/plain reports/crf",
    "pixelwise compare reports/plain reports/crf --json",
)


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="Folder of eval --report, or file of eval --json.")
    ],
    second: Annotated[Path, typer.Argument(metavar="B", help="The other one, of the same images.")],
    as_json: options.FiguresJSON = False,
) -> None:
    """Show what B does better or worse than A, with confidence intervals.

    The images are resampled a thousand times, the same way for both; a difference is marked * if 95 % of
    the resamples lie on one side of zero.
    """
    from pixelwise.workflows import compare as set_against

    result = set_against(first, second)
    if as_json:
        say_json(result)
    else:
        show(result)
