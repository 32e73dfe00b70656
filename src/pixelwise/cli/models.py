"""`pixelwise models`: the papers' nets in a table."""

from typing import Annotated, Any

import typer

from pixelwise.cli import tables
from pixelwise.terminal import say, say_json

EXAMPLES = ("pixelwise models", "pixelwise models --json")


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per net.")] = False,
) -> None:
    """List the nets of the papers: parameters, receptive field, stride, work on a 500x500 image, accuracy.

    A multiplication and its addition count as 2 operations; convolutions and upsamplings are counted. The
    receptive field is that of the coarsest scores.
    """
    from pixelwise.models.catalogue import CATALOGUE, CONVENTION

    rows = [_row(name) for name in CATALOGUE]
    if as_json:
        for row in rows:
            say_json(row)
        return
    headings = ("net", "parameters", "field", "stride", "GFLOP", "paper", "ours")
    tables.show(headings, map(_cells, rows), texts=("net", "paper", "ours"), no_wrap=True)
    say(f"GFLOP: of a 500x500 image, a multiply-add is 2. Paper and ours: {CONVENTION}.")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    figures = [f"{row['parameters'] / 1e6:.1f} M", str(row["receptive_field"]), str(row["stride"])]
    return row["name"], *figures, f"{row['operations'] / 1e9:.1f}", row["paper"], row["ours"]


def _row(name: str) -> dict[str, Any]:
    import torch

    from pixelwise.models.catalogue import CATALOGUE, build
    from pixelwise.models.structure import deepest_grid, layers_of

    with torch.device("meta"):
        net = build(name)
    layers = layers_of(net)
    grid = deepest_grid(layers)
    return {
        "name": name,
        "parameters": sum(layer.parameters for layer in layers),
        "receptive_field": int(grid.field),
        "stride": int(grid.stride),
        "operations": sum(layer.operations for layer in layers),
        "paper": CATALOGUE[name].paper,
        "ours": CATALOGUE[name].ours,
    }
