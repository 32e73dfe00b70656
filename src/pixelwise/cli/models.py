"""`pixelwise models`: a table of the papers' nets."""

from typing import Annotated, Any

import typer

from pixelwise.cli import tables
from pixelwise.core.terminal import say, say_json

EXAMPLES = ("pixelwise models", "pixelwise models --json")


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per net.")] = False,
) -> None:
    """List the papers' nets: parameters, receptive field, stride, operations on a 500x500 image, accuracy.

    A multiplication and its addition count as 2 operations; convolutions and upsampling are counted. The
    receptive field is that of the coarsest scores. fov is the field of view in DeepLab's table 2, which
    counts fc6 alone; img/s is that table's training speed.
    """
    from pixelwise.models.paper_nets import CATALOGUE, CONVENTION

    rows = [_row(name) for name in CATALOGUE]
    if as_json:
        for row in rows:
            say_json(row)
        return
    headings = ("net", "parameters", "field", "fov", "stride", "GFLOP", "img/s", "paper", "ours")
    tables.show(headings, map(_cells, rows), texts=("net", "paper", "ours"), no_wrap=True, width=140)
    say(
        "fov: field of view, and img/s: training, in DeepLab's table 2. GFLOP: of a 500x500 image, a "
        f"multiply-add is 2. Paper and ours: {CONVENTION}."
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    speed = "" if row["images_per_second"] is None else f"{row['images_per_second']:.2f}"
    view = "" if row["field_of_view"] is None else str(row["field_of_view"])
    figures = [f"{row['parameters'] / 1e6:.1f} M", str(row["receptive_field"]), view, str(row["stride"])]
    return row["name"], *figures, f"{row['operations'] / 1e9:.1f}", speed, row["paper"], row["ours"]


def _row(name: str) -> dict[str, Any]:
    import torch

    from pixelwise.inspect.net_layers import deepest_grid, layers_of
    from pixelwise.models.paper_nets import CATALOGUE, build

    with torch.device("meta"):
        net = build(name)
    layers = layers_of(net)
    grid = deepest_grid(layers)
    return {
        "name": name,
        "parameters": sum(layer.parameters for layer in layers),
        "receptive_field": int(grid.field),
        "field_of_view": getattr(net, "field_of_view", None),
        "images_per_second": CATALOGUE[name].images_per_second,
        "stride": int(grid.stride),
        "operations": sum(layer.operations for layer in layers),
        "paper": CATALOGUE[name].paper,
        "ours": CATALOGUE[name].ours,
    }
