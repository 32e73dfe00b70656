"""`pixelwise check`: find faults in a data set."""

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.check_report import show
from pixelwise.cli.progress import bars
from pixelwise.cli.ray_options import checking
from pixelwise.core.terminal import say_json

EXAMPLES = (
    "pixelwise check folder:my_images --html check.html",
    "pixelwise check voc:VOC2012 --split val --json",
)


def check(
    data: options.DataArgument,
    split: options.Split = None,
    classes: options.Classes = None,
    channels: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="Extra channels to read, such as depth; bands: all channels of the pictures."
        ),
    ] = "",
    as_json: options.JSON = False,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write a page with thumbnails.")
    ] = None,
    ray: options.Ray = None,
) -> None:
    """Find faults in images and labels before training.

    Errors: files that are missing, broken or of other sizes, ids out of range, masks of 0 and 255, equal
    images or ids in two splits. Warnings: similar images in two splits, labels that do not fit their images,
    a class 0 that looks like void, a void that looks like a class, absent classes. Exit code 1 if there are
    errors.
    """
    from pixelwise.core.errors import DataError

    with bars("checking") as tell:
        found = checking(ray)(data, split, classes, tell, options.listed(channels))
    if as_json:
        say_json(found.to_dict())
    else:
        show(found)
    if page is not None:
        found.write_page(page)
    if faults := found.faults:
        raise DataError(f"{data} has {faults} fault{'s' * (faults > 1)}", "correct the faults named above")
