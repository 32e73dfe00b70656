"""An evaluation as one HTML page that needs nothing else: styles, charts and pictures are inside."""

import json
from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from pixelwise import __version__
from pixelwise.core.classes import Classes
from pixelwise.core.files import write_atomically
from pixelwise.core.terminal import counted, percent
from pixelwise.evaluation.evaluation import SUMMARY
from pixelwise.evaluation.report import charts
from pixelwise.evaluation.report.gallery import Exhibit
from pixelwise.evaluation.report.markup import (
    class_name,
    figure,
    section,
    sentence,
    side_by_side,
    table,
)
from pixelwise.evaluation.training_pictures import cautions

PAGE, RECORD = "index.html", "evaluation.json"

Content = dict[str, Any]
"""What `Evaluation.to_dict` gives with all details, and `model`, `data`, `views` and `crf` of the command."""

_MOST_NUMBERED = 12  # cells of larger matrices have no room for numbers


def write_report(folder: Path, content: Content, classes: Classes, shown: Iterable[Exhibit]) -> Path:
    """Write FOLDER/evaluation.json, which `pixelwise compare` reads, and FOLDER/index.html, returned.

    Each file appears under its name when it is complete. Raises ImageError if the disk refuses.
    """
    html = page(content, classes, list(shown)).encode()
    record = json.dumps(content, allow_nan=False).encode()
    write_atomically(folder / RECORD, lambda file: file.write(record))
    write_atomically(folder / PAGE, lambda file: file.write(html))
    return folder / PAGE


def page(content: Content, classes: Classes, shown: Sequence[Exhibit]) -> str:
    """The whole page."""
    style = (resources.files("pixelwise.evaluation.report") / "report.css").read_text(encoding="utf-8")
    refined = "no CRF" if content["crf"] is None else f"refined with the CRF preset {content['crf']}"
    lead = f"{content['data']} · {counted(content['images'], 'image')} · {content['views']} · {refined}"
    sections = [
        _summary(content),
        _classes(content, classes),
        _confusion(content["confusion"], classes),
        _borders(content),
        *([_calibration(content["calibration"])] if "calibration" in content else []),
        _sizes(content["sizes"], classes),
        *(_exhibits(rank, shown, classes) for rank in ("worst", "median", "best")),
    ]
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(content['model'])} on {escape(content['data'])}</title><style>{style}</style></head>"
        f'<body><main><h1>{escape(content["model"])}</h1><p class="lead">{escape(lead)}</p>'
        f"{''.join(sections)}<footer>Made by pixelwise {__version__}. The figures are in {RECORD} beside "
        "this page; pixelwise compare sets two of them side by side.</footer></main></body></html>"
    )


def _summary(content: Content) -> str:
    boundary = content["boundary"]
    others = {
        "mean IoU of true classes": content["mean_iou_of_true_classes"],
        "mean boundary IoU": boundary["mean_boundary_iou"],
        "mean boundary F1": boundary["mean_boundary_f1"],
    }
    if "calibration" in content:
        others["calibration error (ECE)"] = content["calibration"]["ece"]
    notes = []
    if "log_loss" in content:
        loss = content["log_loss"]
        notes.append(f"Cross entropy: {_nats(loss['mean'])}, {loss['convention']}.")
    if content["void"]:
        notes.append(f"Counted as void, since the model has no such class: {', '.join(content['void'])}.")
    if missing := content.get("missing"):
        notes.append(
            f"Left out, since they have no mask: {counted(len(missing), 'image')}, such as {missing[0]}."
        )
    notes += cautions(content)
    main = ["mean_iou", *(key for key in SUMMARY if key != "mean_iou")]  # the most important figures first
    large = [_tile(SUMMARY[key], content[key], _range(content["intervals"][key])) for key in main]
    small = [_tile(name, value) for name, value in others.items()]
    return section(
        "Summary",
        f'<div class="tiles main">{"".join(large)}</div><div class="tiles">{"".join(small)}</div>',
        f"Convention: {content['convention']}.",
        f"Below each figure: {content['interval_convention']}.",
        "Mean IoU of true classes: the other convention, which leaves out classes that are absent from the "
        "truth even if they are predicted.",
        f"Boundary figures: {boundary['convention']}.",
        *notes,
    )


def _tile(name: str, value: float | None, below: str = "") -> str:
    note = f"<small>{below}</small>" if below else ""
    return f'<div class="tile"><span>{escape(name)}</span><b>{percent(value)}<i>%</i></b>{note}</div>'


def _nats(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.4f} nats"


def _range(interval: Sequence[float | None]) -> str:
    low, high = interval
    return "" if low is None or high is None else f"{percent(low)} to {percent(high)}"


def _classes(content: Content, classes: Classes) -> str:
    boundary = content["boundary"]["per_class"]
    total = max(1, sum(row["pixels"] for row in content["per_class"]))
    rows = [
        [
            class_name(row["id"], classes),
            _bar(row),
            *(percent(row[key]) for key in ("iou", "recall", "precision", "f1")),
            *(percent(boundary[key][row["id"]]) for key in ("boundary_iou", "boundary_f1")),
            percent(row["pixels"] / total),
        ]
        for row in sorted(content["per_class"], key=lambda row: (row["iou"] is None, -(row["iou"] or 0)))
    ]
    headings = (
        "class",
        "",
        "IoU",
        "recall",
        "precision",
        "F1",
        "boundary IoU",
        "boundary F1",
        "of the truth",
    )
    return section(
        "Classes",
        table(headings, rows, "wide bars", texts=2),
        "All figures in per cent. The line across a bar is the interval of the IoU. Recall is the paper's "
        "class accuracy. A dash: not defined, as are the recall of a class that is not in the truth, the "
        "precision of one that is never predicted, and all figures of one that is neither.",
    )


def _bar(row: Content) -> str:
    if row["iou"] is None:
        return '<div class="track"></div>'
    low, high = row["iou_interval"]
    reach = f"left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%" if low is not None else "display:none"
    return (
        f'<div class="track"><div class="fill" style="width:{100 * row["iou"]:.2f}%"></div>'
        f'<div class="whisker" style="{reach}"></div></div>'
    )


def _confusion(matrix: list[list[int]], classes: Classes) -> str:
    rows = [sum(row) for row in matrix]
    columns = [sum(column) for column in zip(*matrix, strict=True)]
    parts = [
        "<h3>Where a class goes: per cent of the truth, rows add up to 100</h3>"
        + _matrix(matrix, classes, lambda row, column: rows[row]),
        "<h3>What is behind a prediction: per cent of it, columns add up to 100</h3>"
        + _matrix(matrix, classes, lambda row, column: columns[column]),
    ]
    return section(
        "Confusion",
        side_by_side(*parts) if len(classes) <= _MOST_NUMBERED else "".join(parts),
        "Rows are truth, columns prediction. Point at a cell for its pixels.",
    )


def _matrix(matrix: list[list[int]], classes: Classes, whole: Callable[[int, int], int]) -> str:
    """Cells as dark as their share of `whole`; the root lets small shares be seen."""
    names = [escape(name) for name in classes.names]
    numbered = len(names) <= _MOST_NUMBERED
    heads = "".join(f'<th class="column"><span>{name}</span></th>' for name in names)
    lines = [f"<tr><th></th>{heads}</tr>"]
    for i, row in enumerate(matrix):
        cells = []
        for j, pixels in enumerate(row):
            share = pixels / max(1, whole(i, j))
            text = f"{100 * share:.0f}" if numbered and share >= 0.005 else ""
            shade = f"background:rgb(var(--heat) / {0.85 * share**0.6:.3f})"
            hint = f"{names[i]} taken for {names[j]}: {pixels:,} pixels, {share:.1%}"
            style = "own " * (i == j) + "full" * (share > 0.4)
            cells.append(f'<td class="{style}" style="{shade}" title="{hint}">{text}</td>')
        lines.append(f'<tr><th class="row" title="{names[i]}">{names[i]}</th>{"".join(cells)}</tr>')
    style = "matrix roomy" if numbered else "matrix"
    return f'<div class="scroll"><table class="{style}">{"".join(lines)}</table></div>'


def _borders(content: Content) -> str:
    parts = []
    for key, title in (("trimap", "Trimap: near void"), ("class_borders", "Near borders between classes")):
        curve = content[key]["curve"]
        lines = [
            charts.Line(name, style, [(row["width"], row[figure]) for row in curve])
            for figure, name, style in (
                ("pixel_accuracy", "pixel accuracy", "second"),
                ("mean_iou", "mean IoU", "first"),
            )
        ]
        chart = charts.curves(lines, title, "width in pixels", "per cent")
        parts.append(f"<h3>{title}</h3>{chart or '<p>There is none in this split.</p>'}")
    notes = (sentence(content[key]["convention"]) for key in ("trimap", "class_borders"))
    return section("Near borders", side_by_side(*parts), *notes)


def _calibration(record: Content) -> str:
    bins = record["bins"]
    pixels = max(1, sum(row["pixels"] for row in bins))
    excess = sum((row["confidence"] - row["accuracy"]) * row["pixels"] for row in bins) / pixels
    verdict = f"{percent(abs(excess))} points {'above' if excess > 0 else 'below'} its accuracy"
    rows = [
        [
            f"{100 * row['from']:.0f} to {100 * row['to']:.0f}",
            percent(row["confidence"]),
            percent(row["accuracy"]),
            percent(row["pixels"] / pixels),
        ]
        for row in bins
    ]
    return section(
        "Calibration",
        f"<p>Expected calibration error <b>{percent(record['ece'])} %</b>; "
        f"the model's mean confidence is {verdict}.</p>"
        + side_by_side(
            charts.reliability(bins, "Reliability diagram"),
            table(("bin", "confidence", "accuracy", "of the pixels"), rows),
        ),
        sentence(record["convention"]),
    )


def _sizes(record: Content, classes: Classes) -> str:
    sizes = record["sizes"]
    rows = [
        ["<b>regions</b>", *(f"{row['regions']:,}" for row in sizes)],
        ["<b>found, per cent</b>", *(_share(row["found"], row["regions"]) for row in sizes)],
        ["<b>pixels right, per cent</b>", *(_share(row["right"], row["pixels"]) for row in sizes)],
    ]
    for id_ in range(len(classes)):
        recall = [row["recall_per_class"][id_] for row in sizes]
        if recall != [None] * len(sizes):
            rows.append([class_name(id_, classes), *map(percent, recall)])
    return section(
        "By size",
        table(("regions of", *map(_limits, sizes)), rows, "wide"),
        sentence(record["convention"]),
        "Lines of classes: per cent of their pixels that are right.",
    )


def _share(part: int, whole: int) -> str:
    return percent(part / whole if whole else None)


def _limits(row: Content) -> str:
    low, high = (None if value is None else round(value**0.5) for value in (row["from"], row["below"]))
    span = f"from {low}²" if high is None else f"below {high}²" if not low else f"{low}² to {high}²"
    return f"{row['size']}<br>{span} px"


def _exhibits(rank: str, shown: Sequence[Exhibit], classes: Classes) -> str:
    chosen = [entry for entry in shown if entry.rank == rank]
    if not chosen:
        return ""
    return section(
        f"{rank.capitalize()} images",
        "".join(_exhibit(entry, classes) for entry in (reversed(chosen) if rank == "best" else chosen)),
        "By the mean IoU of the image's own confusion matrix, over the classes in its truth or prediction.",
    )


def _exhibit(entry: Exhibit, classes: Classes) -> str:
    panes = {
        "image": entry.image,
        "truth": entry.truth,
        "prediction": entry.prediction,
        "errors: wrong red, void blue": entry.errors,
    }
    pictures = "".join(figure(picture, name, f"{name} of {entry.id}") for name, picture in panes.items())
    found = "".join(f"<span>{class_name(c, classes)} {percent(iou)}</span>" for c, iou in entry.iou.items())
    return (
        f'<article class="exhibit"><header><b>{escape(entry.id)}</b>'
        f"<span>mean IoU {percent(entry.score)} %</span>"
        f"<span>{percent(entry.share_wrong)} % of its pixels wrong</span></header>"
        f'<div class="panes">{pictures}</div><div class="found">{found}</div></article>'
    )
