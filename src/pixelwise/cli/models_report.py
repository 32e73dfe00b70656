"""What `pixelwise models` prints: the models that ship, and the nets that can be trained."""

from collections.abc import Sequence
from typing import Any

from pixelwise.cli import tables
from pixelwise.core.terminal import say, say_text


def show(shipped: Sequence[dict[str, Any]], nets: Sequence[dict[str, Any]]) -> None:
    """Print what `shipped_models` and `nets` of `pixelwise.workflows.listing` return."""
    from pixelwise.models.paper_nets import CONVENTION

    say("Ready to use: pixelwise segment PICTURES --model NAME")
    rows = [(row["name"], str(len(row["classes"])), ", ".join(row["classes"])) for row in shipped]
    tables.show(("model", "classes", "names"), rows, texts=("model", "names"), width=120)
    say("", "To be trained: pixelwise train RECIPE --set net=NAME")
    say("skip_fcn: FCN's skip net on a backbone of timm's, the net of most recipes; --set backbone=NAME", "")
    headings = ("net", "parameters", "field", "fov", "stride", "GFLOP", "img/s", "paper", "ours")
    tables.show(headings, map(_cells, nets), texts=("net", "paper", "ours"), width=140)
    say_text(
        "fov: field of view, and img/s: training, in DeepLab's table 2. GFLOP: of a 500x500 image, a "
        f"multiply-add is 2. Paper and ours: {CONVENTION}."
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    speed = "" if row["images_per_second"] is None else f"{row['images_per_second']:.2f}"
    view = "" if row["field_of_view"] is None else str(row["field_of_view"])
    figures = [f"{row['parameters'] / 1e6:.1f} M", str(row["receptive_field"]), view, str(row["stride"])]
    return row["name"], *figures, f"{row['operations'] / 1e9:.1f}", speed, row["paper"], row["ours"]
