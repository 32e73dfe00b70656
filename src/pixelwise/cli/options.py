"""Options that several verbs share."""

from typing import Annotated

import typer

Classes = Annotated[
    str | None,
    typer.Option(
        "--classes",
        metavar="LIST",
        help='Which classes, e.g. "background,person,animal=cat+dog"; all others become void.',
    ),
]
CRF = Annotated[bool, typer.Option("--crf", help="Pull labels to the picture's edges with a dense CRF.")]
CRFPreset = Annotated[
    str | None,
    typer.Option(
        "--crf-preset",
        metavar="NAME|FILE",
        help="Parameters of the CRF: densecrf, deeplab, deeplab-msc, deeplab-coco (the default), or a "
        "file of pixelwise crf-search. Switches --crf on.",
    ),
]
Data = Annotated[str, typer.Option("--data", metavar="KIND:PATH", help="Kinds: voc, folder, camvid.")]


def chosen_preset(crf: bool, preset: str | None) -> str | None:
    """What --crf and --crf-preset ask for: a preset's name or file, or no CRF."""
    from pixelwise.inference.refiner import DEFAULT_PRESET

    return DEFAULT_PRESET if crf and preset is None else preset
