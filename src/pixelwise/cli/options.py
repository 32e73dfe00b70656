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
Data = Annotated[str, typer.Option("--data", metavar="KIND:PATH", help="Kinds: voc, folder, camvid.")]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="onnxruntime, openvino or torch; auto: OpenVINO if installed, torch for .safetensors.",
    ),
]
Precision = Annotated[
    str, typer.Option("--precision", metavar="NAME", help="float32, or bfloat16 (OpenVINO and torch).")
]


def check_engine(engine: str, precision: str) -> None:
    """Raise BadParameter unless there are such an engine and precision."""
    from pixelwise.inference.predictor import ENGINES
    from pixelwise.types import PRECISIONS

    for value, known, option in ((engine, ENGINES, "--engine"), (precision, PRECISIONS, "--precision")):
        if value not in known:
            raise typer.BadParameter(f"expected one of {', '.join(known)}, got {value}", param_hint=option)
