"""`pixelwise boxes-to-masks`: labels to train on from boxes around objects."""

from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.progress import progress
from pixelwise.core.terminal import say

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
        float, typer.Option(help="Share of a box, around its centre, that certainly is the object.")
    ] = 0.3,
    crf_preset: options.Preset = None,
) -> None:
    """Make labels from boxes by the dense CRF, and train on them: train ... --set data=folder:OUTPUT.

    Pixels outside all boxes are background, the middle of each box is the object, and the CRF labels the
    rest. Only COCO's crowds become void. Each split becomes a folder with images/ and labels/ (PNG of ids,
    255 void). --split all writes both into OUTPUT itself, and training holds out every tenth picture.
    Nothing is overwritten.
    """
    from functools import partial

    from pixelwise.crf.masks_from_boxes import masks_from_boxes
    from pixelwise.crf.presets import load_preset
    from pixelwise.data.conversion import convert, place_of
    from pixelwise.data.sources.boxes import open_boxes
    from pixelwise.data.spec import open_splits
    from pixelwise.inference.crf_refiner import DEFAULT_PRESET

    if not 0 < middle <= 1:
        raise typer.BadParameter(f"expected a share in (0, 1], got {middle}", param_hint="--middle")
    preset = load_preset(crf_preset or DEFAULT_PRESET)
    # Several pictures are processed at the same time, one thread each.
    draw = partial(masks_from_boxes, preset=preset, middle=middle, threads=1)
    for name, dataset in open_splits(data, split, classes, partial(open_boxes, draw=draw)).items():
        with progress(f"drawing {name}", len(dataset)) as tell:
            convert(dataset, output, name, tell)
        say(f"{len(dataset)} samples in {place_of(output, name)}")
