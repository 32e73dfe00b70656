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


def wrap(
    net: Annotated[Path, typer.Argument(metavar="NET.onnx", help="Net from pixels to class scores.")],
    classes: Annotated[
        str,
        typer.Option(
            "--classes",
            metavar="LIST|FILE",
            help="Names in the order of the scores, or a .txt file with one per line.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model file.")] = Path("model.onnx"),
    mean: Annotated[
        str, typer.Option(metavar="R,G,B", help="Subtracted from pixels, in the units of --input-range.")
    ] = "0,0,0",
    std: Annotated[
        str, typer.Option(metavar="R,G,B", help="Pixels are divided by this after that.")
    ] = "1,1,1",
    input_range: Annotated[
        str, typer.Option(metavar="LOW,HIGH", help="Values of black and white before the mean is subtracted.")
    ] = "0,1",
    multiple: Annotated[
        int,
        typer.Option(min=1, max=1024, help="Pad pictures to sides that are a multiple of this, in pixels."),
    ] = 1,
    long_side: Annotated[int, typer.Option(min=1, help="Score pictures at most this long, in pixels.")] = 512,
    name: Annotated[str | None, typer.Option(help="Name of the model; default: the file's.")] = None,
) -> None:
    """Make a model file from a net that was trained elsewhere, for segment, eval, compare and crf-search.

    The net has one input, float (N, 3, H, W) or uint8 (N, H, W, 3), of any size or a fixed one, and returns
    scores (N, C, h, w) of any stride. Mean and std apply to float inputs. The file is tested before it
    appears under its name.
    """
    from pixelwise.core.classes import Classes
    from pixelwise.exporting.wrap import wrap_onnx
    from pixelwise.inference.model_files.model_file import ModelInfo
    from pixelwise.inference.normalisation import Normalisation

    if output.suffix != ".onnx":
        raise typer.BadParameter(f"expected a name that ends in .onnx, got {output}", param_hint="--output")
    try:
        normalisation = Normalisation.of(
            _numbers(mean, "--mean"), _numbers(std, "--std"), _numbers(input_range, "--input-range")
        )
        known = Classes.named(_names(classes))
        info = ModelInfo(name or net.stem, known, long_side, dict(normalisation.record()))
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None
    wrap_onnx(net, info, output, normalisation, multiple)
    say(f"{output}: {len(known)} classes, {output.stat().st_size / 1e6:.1f} MB")


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in options.listed(text)]
    except ValueError:
        raise typer.BadParameter(
            f"expected numbers such as 0.5,0.5,0.5; got {text}", param_hint=option
        ) from None


def _names(classes: str) -> list[str]:
    """The names in a list or in a file."""
    from pixelwise.core.errors import ModelError
    from pixelwise.core.files import regular_file

    path = Path(classes)
    if path.suffix != ".txt":
        return options.listed(classes)
    try:
        lines = regular_file(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not text in UTF-8"
        raise ModelError(f"the classes {path} cannot be read: {reason}") from None
    return [line.strip() for line in lines if line.strip()]
