"""`pixelwise wrap`: make a model file from any ONNX net."""

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.core.terminal import say

EXAMPLES = (
    "pixelwise wrap net.onnx --classes background,cat --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 -o mine.onnx",
    "pixelwise wrap unet.onnx --classes classes.txt --multiple 32 --long-side 512 -o mine.onnx",
)
_Net = Annotated[Path, typer.Argument(metavar="NET.onnx", help="Net from pixels to class scores.")]
_Classes = Annotated[
    str,
    typer.Option(
        "--classes",
        metavar="LIST|FILE",
        help="Names in the order of the scores, or a .txt file with one per line.",
    ),
]
_Output = Annotated[Path, typer.Option("--output", "-o", help="The model file.")]
_Mean = Annotated[
    str | None, typer.Option(metavar="R,G,B", help="Subtracted from pixels, in the units of --input-range.")
]
_Std = Annotated[str | None, typer.Option(metavar="R,G,B", help="After that, pixels are divided by this.")]
_Range = Annotated[
    str, typer.Option(metavar="LOW,HIGH", help="Values of black and white before the mean is subtracted.")
]
_Bands = Annotated[
    str | None,
    typer.Option(
        metavar="COUNTxTYPE", help="Channels and type of a net's input that is not RGB, such as 4xuint16."
    ),
]
_Multiple = Annotated[
    int, typer.Option(min=1, max=1024, help="Pad pictures to sides that are a multiple of this, in pixels.")
]
_LongSide = Annotated[int, typer.Option(min=1, help="Score pictures at most this long, in pixels.")]
_Name = Annotated[str | None, typer.Option(help="Name of the model; default: the file's.")]


def wrap(
    net: _Net,
    classes: _Classes,
    output: _Output = Path("model.onnx"),
    mean: _Mean = None,
    std: _Std = None,
    input_range: _Range = "0,1",
    bands: _Bands = None,
    multiple: _Multiple = 1,
    long_side: _LongSide = 512,
    name: _Name = None,
) -> None:
    """Make a model file from a net that was trained elsewhere, for segment, eval, compare and crf-search.

    The net has one input, float (N, 3, H, W) or uint8 (N, H, W, 3), of any size or a fixed one, and returns
    scores (N, C, h, w) of any stride. Mean and std apply to float inputs. The file is tested before it gets
    its name.
    """
    from pixelwise.workflows import wrap as make

    options.check_ending(output, ".onnx")
    with options.wrong_usage():
        made = make(
            *(net, _names(classes), output, name),
            mean=None if mean is None else _numbers(mean, "--mean"),
            std=None if std is None else _numbers(std, "--std"),
            input_range=_numbers(input_range, "--input-range"),
            multiple=multiple,
            long_side=long_side,
            bands=bands,
        )
    say(f"{output}: {len(made.classes)} classes, {output.stat().st_size / 1e6:.1f} MB")


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in options.listed(text)]
    except ValueError:
        raise typer.BadParameter(
            f"expected numbers such as 0.5,0.5,0.5; got {text}", param_hint=option
        ) from None


def _names(classes: str) -> list[str]:
    """The names in a list or in a file."""
    from pixelwise.data.sources.folder import listed_names

    path = Path(classes)
    return listed_names(path) if path.suffix.lower() == ".txt" else options.listed(classes)
