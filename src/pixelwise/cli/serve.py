"""`pixelwise serve`: segment pictures over HTTP, and a page to try the CRF."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.option_groups import InferenceOptions, SizeOptions
from pixelwise.core.terminal import note

if TYPE_CHECKING:
    from pixelwise.workflows.loading import LoadOptions

EXAMPLES = (
    "pixelwise serve",
    "pixelwise serve --model default --model street --host 0.0.0.0 --port 8080 --places 128",
)
KEY_VARIABLE = "PIXELWISE_API_KEY"
_Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME|FILE",
        help=f"{options.MODELS}. May be repeated.",
    ),
]
_Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: all of the machine.")]
_Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")]
_Workers = Annotated[
    int | None, typer.Option(min=1, max=1024, help="Pictures segmented at a time; default: processors.")
]
_Places = Annotated[
    int,
    typer.Option(min=1, max=10_000, help="Most requests that are read, wait or run; further ones get 429."),
]
_MostBytes = Annotated[int, typer.Option(min=1, help="Largest body of a request.")]
_MostPixels = Annotated[int, typer.Option(min=1, help="Largest picture, checked before it is decoded.")]
_Seconds = Annotated[int, typer.Option(min=1, max=3600, help="Time limit for an answer, in seconds.")]


def serve(
    models: _Models = None,
    host: _Host = "127.0.0.1",
    port: _Port = 8000,
    workers: _Workers = None,
    places: _Places = 64,
    most_bytes: _MostBytes = 25_000_000,
    most_pixels: _MostPixels = 50_000_000,
    seconds: _Seconds = 60,
    *,
    sizes: SizeOptions,
    inference: InferenceOptions,
) -> None:
    """Segment pictures over HTTP, and show a page to try the CRF on.

    The page is at /, the description of the API at /api, metrics for Prometheus at /metrics. POST a picture
    to /v1/segment; the header Accept chooses JSON, image/png (mask), image/jpeg (overlay),
    image/png;result=cutout, image/png;result=confidence, application/geo+json or
    application/json;result=labelme. If PIXELWISE_API_KEY is set, requests must have the header Authorization:
    Bearer KEY. Needs pip install "pixelwise[serve]".
    """
    from pixelwise.core.threads import processors
    from pixelwise.serve.keys import check_key
    from pixelwise.serve.limits import Limits
    from pixelwise.workflows.serving import named, serve

    chosen = models or ["default"]
    named(chosen)
    key = os.environ.get(KEY_VARIABLE)
    try:
        key = key if key is None else check_key(key)
    except ValueError as fault:
        raise typer.BadParameter(f"{KEY_VARIABLE}: {fault}; change or unset it") from None
    loading: LoadOptions = {**sizes.for_load(), **inference.for_load()}
    limits = Limits(most_bytes, most_pixels, workers or processors(), places, answer_seconds=seconds)
    started = "serving on {}; Ctrl-C stops"
    serve(chosen, host, port, limits, key=key, on_start=lambda at: note(started.format(at)), **loading)
