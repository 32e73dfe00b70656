"""`pixelwise import-caffe`: convert the authors' weights to a model."""

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.import_report import show
from pixelwise.core.terminal import say

EXAMPLES = (
    "pixelwise import-caffe fcn8s-heavy-pascal.caffemodel -o fcn8s.safetensors",
    "pixelwise import-caffe VGG16.caffemodel --as fcn32s-vgg16 --partial -o fcn32s.safetensors",
)
_Model = Annotated[Path, typer.Argument(metavar="MODEL.caffemodel", help="Weights as Caffe wrote them.")]
_Output = Annotated[Path, typer.Option("--output", "-o", help="The .safetensors file to write.")]
_Net = Annotated[
    str | None,
    typer.Option("--as", metavar="NET", help="Which net of `pixelwise models`; default: the one that fits."),
]
_Classes = Annotated[
    Path | None,
    typer.Option(help="Text file of class names, one per line; default: VOC's for 21, else numbers."),
]
_Mean = Annotated[
    str | None,
    typer.Option(
        metavar="B,G,R|FILE", help="Mean that the net subtracts, or a .binaryproto; default: VOC's."
    ),
]
_SHA256 = Annotated[str | None, typer.Option(help="Refuse the file unless it has this digest.")]
_Partial = Annotated[
    bool, typer.Option("--partial", help="Write the file even if some weights of the net are not in MODEL.")
]


def import_caffe(
    model: _Model,
    output: _Output,
    net_name: _Net = None,
    classes: _Classes = None,
    mean: _Mean = None,
    sha256: _SHA256 = None,
    partial: _Partial = False,
) -> None:
    """Convert a .caffemodel to a model for segment, eval and export; Caffe is not needed.

    Layers are matched by name and every shape is checked; stdout lists what happened to each. The net's
    channels are reversed from Caffe's BGR to RGB, and the file includes the mean.
    """
    if output.suffix != ".safetensors":
        raise typer.BadParameter(f"expected a .safetensors file, got {output}", param_hint="--output")
    from pixelwise.models.paper_nets import CATALOGUE
    from pixelwise.workflows.importing import match_caffe

    if net_name is not None and net_name not in CATALOGUE:
        raise typer.BadParameter(f"expected one of {', '.join(CATALOGUE)}, got {net_name}", param_hint="--as")
    matched = match_caffe(model, net_name, classes, mean, sha256)
    show(matched)
    matched.write(output, partial)
    size = output.stat().st_size / 1e6
    say(f"{output}: {matched.name}, {len(matched.classes)} classes, {size:.1f} MB")
