"""`pixelwise gallery`: models side by side on the same pictures."""

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.option_groups import RefinementOptions
from pixelwise.core.terminal import say

EXAMPLES = (
    "pixelwise gallery default --data voc:VOC2012 -o gallery.png",
    "pixelwise gallery default mine.onnx --data folder:my_images --split all --crf -o gallery.png",
)


def gallery(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Bundled models, model files, run folders.")
    ],
    data: options.Data,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A .png or .jpg file.")],
    split: options.OneSplit = "val",
    pictures: Annotated[
        int, typer.Option(min=1, max=100, help="How many pictures, spread over the split.")
    ] = 6,
    ids: options.Ids = None,
    head: options.Head = None,
    *,
    refinement: RefinementOptions,
) -> None:
    """Draw models side by side: a row per picture, with the true labels and those of each model.

    With --crf each model has a second column, refined with the dense CRF. A class has one colour in all
    columns; void is cream.
    """
    from pixelwise.core.pictures.writing import write_picture
    from pixelwise.workflows import gallery as draw

    if output.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise typer.BadParameter(f"expected a .png or .jpg file, got {output}", param_hint="--output")
    picture = draw(models, data, split, pictures=pictures, crf=refinement.preset(), ids=ids, head=head)
    write_picture(output, picture)
    say(f"{output}: {picture.width}x{picture.height}")
