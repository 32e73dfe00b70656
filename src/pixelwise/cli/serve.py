"""`pixelwise serve`: segment pictures over HTTP, and a page to try the CRF."""

import os
from typing import Annotated

import typer

from pixelwise.cli import options
from pixelwise.core.terminal import note

EXAMPLES = (
    "pixelwise serve",
    "pixelwise serve --model default --model street --host 0.0.0.0 --port 8080 --places 128",
)
KEY_VARIABLE = "PIXELWISE_API_KEY"


def serve(
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Bundled model, .onnx or .safetensors file, or run folder. May be repeated.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0: all of the machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")] = 8000,
    workers: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Pictures segmented at a time; default: processors.")
    ] = None,
    places: Annotated[
        int, typer.Option(min=1, max=10_000, help="Requests that are read, wait or run; others get 429.")
    ] = 64,
    most_bytes: Annotated[int, typer.Option(min=1, help="Largest body of a request.")] = 25_000_000,
    most_pixels: Annotated[
        int, typer.Option(min=1, help="Largest picture, checked before it is decoded.")
    ] = 50_000_000,
    seconds: Annotated[int, typer.Option(min=1, max=3600, help="Until an answer must be ready.")] = 60,
    engine: options.Engine = "auto",
    precision: options.Precision = "float32",
) -> None:
    """Segment pictures over HTTP, and show a page on which the CRF can be tried.

    The page is at /, the description of the API at /api, metrics for Prometheus at /metrics. POST a picture
    to /v1/segment; the header Accept chooses JSON, image/png (mask), image/jpeg (overlay) or
    image/png;result=cutout. If PIXELWISE_API_KEY is set, requests must have the header Authorization: Bearer
    KEY. Needs pip install "pixelwise[serve]".
    """
    from pixelwise.core.threads import processors
    from pixelwise.serve.limits import Limits
    from pixelwise.workflows.serving import named, serve

    models = model or ["default"]
    try:
        named(models)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="--model") from None
    key = os.environ.get(KEY_VARIABLE)
    if key is not None and not key.strip():
        raise typer.BadParameter(f"{KEY_VARIABLE} is empty: give it a value, or unset it")
    limits = Limits(
        workers=processors() if workers is None else workers,
        places=places,
        most_bytes=most_bytes,
        most_pixels=most_pixels,
        answer_seconds=seconds,
    )
    serve(
        models,
        host,
        port,
        limits,
        key=key,
        engine=engine,
        precision=precision,
        on_start=lambda address: note(f"serving on {address}; Ctrl-C stops"),
    )
