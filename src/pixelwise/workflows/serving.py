"""Load models and serve them over HTTP."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pixelwise.core.errors import ArgumentError, extras_named
from pixelwise.core.threads import processors
from pixelwise.workflows.loading import LoadOptions, load

if TYPE_CHECKING:
    from pixelwise.serve import Limits


def serve(
    models: Sequence[str | Path] = ("default",),
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: "Limits | None" = None,
    *,
    key: str | None = None,
    on_start: Callable[[str], None] = lambda address: None,
    **loading: Unpack[LoadOptions],
) -> None:
    """Segment pictures that are sent over HTTP, and show a page to try the CRF, until SIGTERM or Ctrl-C.

    models: as for `load`; the first is the default. Clients call a file model.onnx "model", and see no path.
    port: 0 takes a free one; on_start gets the address. key: clients must send it as `Authorization: Bearer
    KEY`. loading: as for `load`; threads: by default the workers share the processors. Needs the extra
    `serve`: raises MissingExtraError without it.

    Raises ValueError for two models of one name, PixelwiseError if the address cannot be used, and what
    `load` raises.
    """
    with extras_named():
        from pixelwise.serve import Limits, create_app, run
    chosen = Limits() if limits is None else limits
    if loading.get("threads") is None:
        loading["threads"] = max(1, processors() // chosen.workers)
    loaded = {name: load(model, **loading) for name, model in named(models).items()}
    run(create_app(loaded, chosen, key=key), host, port, on_start)


def named(models: Sequence[str | Path]) -> dict[str, str | Path]:
    """The models by the names that clients see: a file's has no ending. Raises ValueError for two of one
    name.
    """
    names = [path.name if path.is_dir() else path.stem for path in map(Path, models)]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ArgumentError("models", f"two models are called {', '.join(repeated)}; rename one of them")
    return dict(zip(names, models, strict=True))
