"""`pixelwise export`: write a model for deployment, in a format and a precision."""

from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.export_report import show

EXAMPLES = (
    "pixelwise export runs/mine -o mine.onnx",
    "pixelwise export runs/mine --precision int8 --calibrate folder:my_images -o small.onnx",
)
_Run = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="Run folder of pixelwise train, .safetensors of import-caffe, .onnx, or a name."
    ),
]
_Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="The model file; default: model.onnx, .xml or .pt.")
]
_LongSide = Annotated[
    int | None,
    typer.Option(min=1, help="Score pictures at most this long, in pixels; default: the recipe's."),
]
_Head = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Which head of a run with several; default: the main one."),
]
_Format = Annotated[
    str | None,
    typer.Option("--format", metavar="NAME", help="onnx, openvino or torchscript; default: by the ending."),
]
_Precision = Annotated[str, typer.Option("--precision", metavar="NAME", help="float32, float16 or int8.")]
_Calibrate = Annotated[
    str | None,
    typer.Option(
        "--calibrate",
        metavar="FOLDER|KIND:PATH",
        help="For int8: a few dozen typical pictures, or KIND:PATH for its training pictures.",
    ),
]
_Data = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="KIND:PATH", help="Measure mean IoU in float32 and in the chosen precision."
    ),
]


def export(
    run: _Run,
    output: _Output = None,
    name: Annotated[str | None, typer.Option(help="Name of the model; default: the recipe's.")] = None,
    long_side: _LongSide = None,
    head: _Head = None,
    format: _Format = None,
    precision: _Precision = "float32",
    calibration: _Calibrate = None,
    data: _Data = None,
    split: Annotated[str | None, typer.Option(help="Which split of --data; default: val.")] = None,
) -> None:
    """Write a model file for any image size, with its classes and its training record.

    Formats: ONNX (.onnx), OpenVINO (.xml and .bin) and TorchScript (.pt, from nets in torch). All commands
    that run a model take all of them. int8 files are smaller, and faster on some processors; they need
    --calibrate.

    A net that takes depth or HHA becomes a file with one input for each. A CRF layer becomes the model's own
    CRF, which every engine runs after the net. The file is compared with the net on several odd sizes before
    it gets its name.
    """
    from pixelwise.workflows.exporting import export as write

    if data is None:
        options.refuse("an export without --data", {"--split": split})
    with options.wrong_usage():
        made = write(
            *(run, output, name, long_side, head),
            format=format,
            precision=precision,
            calibration=calibration,
            data=data,
            split=split or "val",
        )
    show(made)
