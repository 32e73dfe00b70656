"""`pixelwise convert`: any data set as a folder of pictures and labels."""

from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.convert_report import show_folder
from pixelwise.cli.progress import bars

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

    Pictures are copied unchanged. Each split becomes a folder with images/, labels/, and labels.NAME/ for
    other heads. --split all writes all pictures into OUTPUT itself. Nothing is overwritten.
    """
    from pixelwise.workflows import convert as write

    with bars("converting") as tell:
        write(data, output, split, classes, options.listed(channels), tell, show_folder)
