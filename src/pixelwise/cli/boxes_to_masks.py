"""`pixelwise boxes-to-masks`: labels to train on from boxes around objects."""

from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.convert_report import show_folder
from pixelwise.cli.progress import bars

EXAMPLES = (
    "pixelwise boxes-to-masks voc:VOC2012 -o weak --classes background,cat,dog",
    "pixelwise boxes-to-masks coco:instances.json,images=photos --split all -o masks",
)


def boxes_to_masks(
    data: Annotated[
        str, typer.Argument(metavar="KIND:PATH", help="voc:PATH (XML) or coco:PATH (JSON); images=FOLDER.")
    ],
    output: options.DataFolder,
    split: options.Split = None,
    classes: options.Classes = None,
    middle: Annotated[
        float, typer.Option(help="Share of a box, around its centre, that is certainly the object.")
    ] = 0.3,
    crf_preset: options.Preset = None,
) -> None:
    """Make labels from boxes with the dense CRF, for train ... --set data=folder:OUTPUT.

    Pixels outside all boxes are background, the middle of each box is the object, and the CRF labels the
    rest. Only COCO's crowds become void. Each split becomes a folder with images/ and labels/ (PNG of ids,
    255 void). --split all writes all pictures into OUTPUT itself, and training holds out every tenth
    picture.
    Nothing is overwritten.
    """
    from pixelwise.inference.crf_refiner import DEFAULT_PRESET
    from pixelwise.workflows import boxes_to_masks as draw

    if not 0 < middle <= 1:
        raise typer.BadParameter(f"expected a share in (0, 1], got {middle}", param_hint="--middle")
    with bars("drawing") as tell:
        draw(data, output, split, classes, middle, crf_preset or DEFAULT_PRESET, tell, show_folder)
