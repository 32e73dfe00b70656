"""What `pixelwise eval` prints: figures by class, the summary, and those of borders."""

from typing import Any

from pixelwise.cli import tables
from pixelwise.core.terminal import counted, percent, say, say_text

_MOST_NAMED = 10  # --json has all
_SHOWN_WIDTHS = (1, 2, 3, 5, 10, 15, 20, 30, 40)


def show(result: dict[str, Any]) -> None:
    """Print what `Evaluation.to_dict` holds, and how it was made."""
    from pixelwise.evaluation.evaluation import SUMMARY
    from pixelwise.evaluation.training_pictures import cautions

    headings = ("id", "class", "IoU %", "95 % interval", "recall %", "precision %", "F1 %", "pixels")
    tables.show(headings, map(_cells, result["per_class"]), texts=("class",))
    for key, name in SUMMARY.items():
        interval = _interval(result["intervals"][key])
        say(f"{_figure(name, result[key])}  ({interval})")
    say(_figure("mean IoU of true classes", result["mean_iou_of_true_classes"]))
    refined = "" if result["crf"] is None else f" Refined with the CRF preset {result['crf']}."
    images = counted(result["images"], "image")
    say_text(f"{images}, {result['views']}.{refined} Convention: {result['convention']}.")
    say_text(f"In brackets: {result['interval_convention']}.")
    say_text("The mean over true classes leaves out classes that are absent from the truth.")
    if missing := result.get("missing"):
        named = ", ".join(missing[:_MOST_NAMED]) + ", ..." * (len(missing) > _MOST_NAMED)
        say_text(f"Left out, since they have no mask: {counted(len(missing), 'image')}, {named}")
    if result["void"]:
        say_text(f"Counted as void, since the model has no such class: {', '.join(result['void'])}.")
    for caution in cautions(result):
        say_text(caution)
    for key, name in (("trimap", "trimap"), ("class_borders", "class borders")):
        if key in result:
            _print_curve(name, **result[key])
    if "boundary" in result:
        for key, name in (
            ("mean_boundary_iou", "mean boundary IoU"),
            ("mean_boundary_f1", "mean boundary F1"),
        ):
            say(_figure(name, result["boundary"][key]))
        say_text(f"Convention: {result['boundary']['convention']}.")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Of one class."""
    figures = [percent(row[key]) for key in ("recall", "precision", "f1")]
    interval = _interval(row["iou_interval"])
    return str(row["id"]), row["name"], percent(row["iou"]), interval, *figures, f"{row['pixels']:,}"


def _print_curve(name: str, convention: str, curve: list[dict[str, Any]]) -> None:
    rows = [
        (str(row["width"]), f"{row['pixels']:,}", percent(row["pixel_accuracy"]), percent(row["mean_iou"]))
        for row in curve
        if row["width"] in _SHOWN_WIDTHS
    ]
    say("")
    tables.show((f"{name}: width", "pixels", "pixel accuracy %", "mean IoU %"), rows)
    say_text(f"Convention: {convention}.")


def _figure(name: str, share: float | None) -> str:
    return f"{name:24} {percent(share):>6} %"


def _interval(ends: list[float | None]) -> str:
    return "-" if None in ends else f"{percent(ends[0])} to {percent(ends[1])}"
