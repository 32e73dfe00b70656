"""Options that several verbs share."""

from pathlib import Path
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
_PRESETS = (
    "Parameters of the CRF: densecrf, deeplab, deeplab-msc, deeplab-coco (the default), or a file that "
    "pixelwise crf-search wrote."
)
Preset = Annotated[str | None, typer.Option("--crf-preset", metavar="NAME|FILE", help=_PRESETS)]
CRFPreset = Annotated[
    str | None,
    typer.Option("--crf-preset", metavar="NAME|FILE", help=f"{_PRESETS} Switches --crf on."),
]
Ids = Annotated[
    Path | None,
    typer.Option("--list", metavar="FILE", help="Only the pictures whose ids this file lists, one per line."),
]
Split = Annotated[str | None, typer.Option(help="One split only; without it all the usual ones there are.")]
DataArgument = Annotated[
    str, typer.Argument(metavar="KIND:PATH", help="Kinds and their options: see `pixelwise data`.")
]
Data = Annotated[str, typer.Option("--data", metavar="KIND:PATH", help="Kinds: see `pixelwise data`.")]


def chosen_preset(crf: bool, preset: str | None) -> str | None:
    """What --crf and --crf-preset ask for: a preset's name or file, or no CRF."""
    from pixelwise.inference.refiner import DEFAULT_PRESET

    return DEFAULT_PRESET if crf and preset is None else preset
