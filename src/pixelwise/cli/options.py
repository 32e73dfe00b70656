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
