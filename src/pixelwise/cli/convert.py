"""`pixelwise convert`: any data set as a folder of pictures and labels."""

from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.progress import progress
from pixelwise.core.terminal import say

EXAMPLES = (
    "pixelwise convert voc:VOC2012 -o animals --classes background,cat,dog",
    "pixelwise convert folder:my_images --split all -o everything",
)


def convert(
    data: options.DataArgument,
    output: options.DataFolder,
    split: options.Split = None,
    classes: options.Classes = None,
    channels: Annotated[
        str, typer.Option(metavar="LIST", help="Extra channels to write, such as depth,hha.")
    ] = "",
) -> None:
    """Convert any data set to folders of pictures and labels (PNG of ids, 255 void), for folder:PATH.

    Pictures are copied unchanged. Each split becomes a folder with images/ and labels/, and labels.NAME/
    for other heads. --split all writes these into OUTPUT itself. Nothing is overwritten.
    """
    from pixelwise.data.conversion import convert as write
    from pixelwise.data.conversion import place_of
    from pixelwise.data.spec import open_splits

    for name, dataset in open_splits(data, split, classes).items():
        chosen = dataset.with_channels(*options.listed(channels))
        with progress(f"converting {name}", len(chosen)) as tell:
            write(chosen, output, name, tell)
        say(f"{len(chosen)} samples in {place_of(output, name)}")
