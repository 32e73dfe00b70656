"""`pixelwise compare`: two evaluations of the same images side by side."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pixelwise.cli import tables
from pixelwise.core.terminal import say, say_json

EXAMPLES = (
    "pixelwise compare reports/plain reports/crf",
    "pixelwise compare reports/plain reports/crf --json",
)


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="Folder of eval --report, or file of eval --json.")
    ],
    second: Annotated[Path, typer.Argument(metavar="B", help="The other evaluation, of the same images.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, figures in [0, 1].")
    ] = False,
) -> None:
    """Show what B does better or worse than A, with confidence intervals.

    The images are resampled a thousand times, the same way for both; a difference is marked * if 95 % of
    the resamples lie on one side of zero.
    """
    from pixelwise.evaluation.comparison import compare as set_against
    from pixelwise.evaluation.comparison import load_record

    result = set_against(load_record(first), load_record(second))
    if as_json:
        say_json(result)
    else:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    from pixelwise.evaluation.evaluation import SUMMARY

    headings = ("per cent", "A", "B", "B - A", "95 % interval", "", "B better in")
    rows = [(SUMMARY[name], *_cells(row)) for name, row in result["metrics"].items()]
    rows += [(f"IoU {row['name']}", *_cells(row)) for row in result["per_class"]]
    say(f"A: {result['a']}", f"B: {result['b']}", f"{result['images']} images", "")
    tables.show(headings, rows, texts=("per cent",))
    for key, title in (("gained", "gained most"), ("lost", "lost most")):
        shown = ", ".join(f"{i['id']} {100 * i['a']:.1f} to {100 * i['b']:.1f}" for i in result[key])
        if shown:
            say(f"Images that {title} (their own mean IoU): {shown}")
    say(f"Convention: {result['convention']}.")


def _cells(row: dict[str, Any]) -> list[str]:
    if row["difference"] is None or row["interval"][0] is None:
        return ["-"] * 6
    low, high = row["interval"]
    figures = [f"{100 * row['a']:.2f}", f"{100 * row['b']:.2f}", f"{100 * row['difference']:+.2f}"]
    sure = "*" if low > 0 or high < 0 else ""
    return [*figures, f"{100 * low:+.2f} to {100 * high:+.2f}", sure, f"{100 * row['better']:.0f} %"]
