"""`pixelwise preview`: a picture of training samples and their augmentations."""

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.core.terminal import counted, say

EXAMPLES = (
    "pixelwise preview finetune --set data=folder:my_images -o preview.png",
    "pixelwise preview finetune --set data=folder:my_images --set colour=0.6 --set jitter=32 --pictures 2",
)


def preview(
    recipe: options.RecipeName,
    settings: options.Settings = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png or .jpg.")] = Path("preview.png"),
    pictures: Annotated[int, typer.Option(min=1, max=100, help="How many samples.")] = 4,
    epochs: Annotated[int, typer.Option(min=1, max=100, help="How many augmentations of each.")] = 4,
    channels: Annotated[
        str, typer.Option(metavar="LIST", help="Extra channels to show, such as depth,hha.")
    ] = "",
) -> None:
    """Draw samples of the training split, original and augmented, with their labels.

    The augmentations are those that training applies to these samples in its first epochs.
    """
    from pixelwise.core.pictures.writing import write_picture
    from pixelwise.workflows import preview as draw

    options.check_ending(output, ".png", ".jpg", ".jpeg", any_case=True)
    drawn = draw(recipe, settings or [], pictures, epochs, options.listed(channels))
    write_picture(output, drawn.picture)
    say(f"{counted(drawn.samples, 'sample')} of {drawn.name} in {output}")
