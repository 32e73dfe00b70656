"""What `pixelwise compare` prints: differences with their intervals, and the images that changed most."""

from typing import Any

from pixelwise.cli import tables
from pixelwise.core.terminal import counted, say, say_text


def show(result: dict[str, Any]) -> None:
    """Print what `pixelwise.evaluation.comparison.compare` found."""
    from pixelwise.evaluation.evaluation import SUMMARY

    headings = ("per cent", "A", "B", "B - A", "95 % interval", "", "B better in")
    rows = [(SUMMARY[name], *_cells(row)) for name, row in result["metrics"].items()]
    rows += [(f"IoU {row['name']}", *_cells(row)) for row in result["per_class"]]
    say(f"A: {result['a']}", f"B: {result['b']}", counted(result["images"], "image"), "")
    tables.show(headings, rows, texts=("per cent",))
    for key, title in (("gained", "gained most"), ("lost", "lost most")):
        shown = ", ".join(f"{i['id']} {100 * i['a']:.1f} to {100 * i['b']:.1f}" for i in result[key])
        if shown:
            say_text(f"Images that {title} (their own mean IoU): {shown}")
    for letter, known in result["in_training"].items():
        if known:
            say_text(
                f"Caution: {letter.upper()} learnt from {known:,} of these images, so it looks better here."
            )
    say_text(f"Convention: {result['convention']}.")


def _cells(row: dict[str, Any]) -> list[str]:
    if row["difference"] is None:
        return ["-"] * 6
    low, high = row["interval"]
    figures = [f"{100 * row['a']:.2f}", f"{100 * row['b']:.2f}", f"{100 * row['difference']:+.2f}"]
    if low is None:
        return [*figures, "-", "", "-"]
    sure = "*" if low > 0 or high < 0 else ""
    return [*figures, f"{100 * low:+.2f} to {100 * high:+.2f}", sure, f"{100 * row['better']:.0f} %"]
