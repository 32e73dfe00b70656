"""`pixelwise data`: the kinds of data sets that can be read."""

import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.core.terminal import say, say_json

if TYPE_CHECKING:
    from pixelwise.data.kind import Source

EXAMPLES = (
    "pixelwise data",
    "pixelwise data nyud",
)


def data(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="Show this kind in full.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per kind.")] = False,
) -> None:
    """List the kinds of data for KIND:PATH: their files, where to get them and their terms of use."""
    from pixelwise.core.errors import DataError
    from pixelwise.data import SOURCES

    if kind is not None and kind not in SOURCES:
        raise DataError(f'there is no kind "{kind}"', f"kinds: {', '.join(SOURCES)}")
    chosen = list(SOURCES.values()) if kind is None else [SOURCES[kind]]
    if as_json:
        for source in chosen:
            say_json(_plain(source))
    elif kind is None:
        width = max(map(len, SOURCES))
        for source in chosen:
            say(f"{source.kind:{width}}  {source.title}")
        say("", "pixelwise data KIND shows more; write data as KIND:PATH or KIND:PATH,option=value.")
    else:
        _describe(chosen[0])


def _describe(source: "Source") -> None:
    say(f"{source.kind}: {source.title}", "")
    wrapper = textwrap.TextWrapper(
        100, subsequent_indent=" " * 10, break_long_words=False, break_on_hyphens=False
    )
    rows = {"files": source.layout, "splits": ", ".join(source.splits)}
    rows |= {f",{name}=": meaning for name, meaning in source.options.items()}
    for name, text in (rows | {"where": source.get, "terms": source.terms}).items():
        say(*wrapper.wrap(f"{name:10}{text}"))


def _plain(source: "Source") -> dict[str, object]:
    names = ("kind", "title", "layout", "get", "terms")
    plain: dict[str, object] = {name: getattr(source, name) for name in names}
    return plain | {"splits": list(source.splits), "options": dict(source.options)}
