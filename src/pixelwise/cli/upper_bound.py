"""`pixelwise upper-bound`: the best mean IoU that a coarser grid allows on a labelled split."""

from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.progress import progress
from pixelwise.cli.upper_bound_report import as_plain, show
from pixelwise.core.terminal import say_json

EXAMPLES = (
    "pixelwise upper-bound voc:VOC2012 --split val",
    "pixelwise upper-bound folder:my_images --factors 32,16,8 --json",
)


def upper_bound(
    data: Annotated[
        str, typer.Argument(metavar="KIND:PATH", help="A labelled data set; photos are not needed.")
    ],
    split: options.OneSplit = "val",
    classes: options.Classes = None,
    head: options.Head = None,
    factors: Annotated[
        str, typer.Option(metavar="LIST", help="Factors to reduce the labels by.")
    ] = "128,64,32,16,8,4",
    as_json: options.FiguresJSON = False,
) -> None:
    """Compute the best mean IoU on a coarser grid: reduce the labels by a factor and enlarge them again.

    FCN's appendix A does not say how labels are resampled and how void is treated, so every plausible
    convention has a row. With VOC's 21 classes the first row has the paper's figures, and the other rows show
    their distance from it.
    """
    from pixelwise.data import open_dataset
    from pixelwise.evaluation.upper_bound import upper_bounds

    steps = _parsed(factors)
    dataset = open_dataset(data, split, classes, head=head)
    with progress(f"resampling {dataset.name}", len(dataset)) as tell:
        bounds = upper_bounds(dataset, steps, progress=tell)
    if as_json:
        say_json({"images": len(dataset), "factors": steps, "conventions": as_plain(bounds)})
    else:
        show(dataset, bounds, steps)


def _parsed(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 1 <= int(part) <= 4096 for part in parts):
        raise typer.BadParameter(f"expected whole numbers from 1 to 4096, got {text}", param_hint="--factors")
    return tuple(int(part) for part in parts)
