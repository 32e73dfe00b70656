"""Two evaluations of the same images side by side: differences with their confidence.

Both models saw the same images, so the bootstrap draws the same images for both and looks at the difference:
that is far surer than two intervals that may overlap.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.errors import DataError
from pixelwise.evaluation import bootstrap
from pixelwise.evaluation.evaluate import FORMAT, SUMMARY
from pixelwise.evaluation.metrics import Counts, Floats, number
from pixelwise.evaluation.report import RECORD
from pixelwise.evaluation.tally import dense_counts

CONVENTION = (
    f"difference B - A with the {bootstrap.LEVEL:.0%} percentile interval from {bootstrap.RESAMPLES} paired "
    "bootstrap resamples of the images; another training of either net may differ by more"
)

_MOST_IMAGES = 5


@dataclass(frozen=True)
class Record:
    """What a comparison needs of a saved evaluation: images in order, their counts (N, C), class names."""

    name: str
    ids: tuple[str, ...]
    counts: Counts
    classes: tuple[str, ...]


def load_record(path: Path) -> Record:
    """An evaluation that `pixelwise eval` saved with --report (the folder) or printed with --json (a file).

    Raises DataError if there is none or it is of another kind.
    """
    file = path / RECORD if path.is_dir() else path
    hint = "make one with: pixelwise eval MODEL --data KIND:PATH --report FOLDER"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not JSON"
        raise DataError(f"the evaluation {file} cannot be read: {reason}", hint) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f"{file} is no evaluation of format {FORMAT}", hint)
    try:
        classes = tuple(row["name"] for row in content["per_class"])
        ids = tuple(entry["id"] for entry in content["per_image"])
        counts = dense_counts([entry["counts"] for entry in content["per_image"]], len(classes))
        refined = "" if content["crf"] is None else f", CRF {content['crf']}"
        name = f"{content['model']} ({content['views']}{refined})"
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        raise DataError(
            f"the evaluation {file} is damaged: {type(problem).__name__} {problem}", hint
        ) from None
    if not ids:
        raise DataError(f"the evaluation {file} has no images", hint)
    return Record(name, ids, counts, classes)


def compare(first: Record, second: Record) -> dict[str, Any]:
    """Figures in [0, 1] of both, `difference` (second - first), its `interval`, and `better`, the share of
    resamples in which the second is better (ties count half), for the four metrics and the IoU of each class.

    Raises DataError unless both judged the same labels of the same images in the same classes.
    """
    second = _in_order_of(first, second)
    drawn = bootstrap.resampled(first.counts), bootstrap.resampled(second.counts)
    whole = first.counts.total(), second.counts.total()

    def row(figure: Callable[[Counts], Floats]) -> dict[str, Any]:
        a, b = (float(figure(counts)) for counts in whole)
        return _difference(a, b, figure(drawn[1]) - figure(drawn[0]))

    def class_iou(index: int) -> Callable[[Counts], Floats]:
        return lambda counts: counts.iou()[..., index]

    return {
        "a": first.name,
        "b": second.name,
        "images": len(first.ids),
        "metrics": {name: row(_metric(name)) for name in SUMMARY},
        "per_class": [{"name": name, **row(class_iou(index))} for index, name in enumerate(first.classes)],
        **_images(first, second),
        "convention": CONVENTION,
    }


def _metric(name: str) -> Callable[[Counts], Floats]:
    def figure(counts: Counts) -> Floats:
        values: Floats = getattr(counts, name)()
        return values

    return figure


def _in_order_of(first: Record, second: Record) -> Record:
    """The second with the images in the order of the first."""
    if first.classes != second.classes:
        raise DataError(
            "the evaluations have other classes: "
            + ", ".join(first.classes)
            + " against "
            + ", ".join(second.classes),
            "judge both models with one --classes",
        )
    if missing := set(first.ids) ^ set(second.ids):
        raise DataError(
            f"the evaluations are of other images: {len(missing)} are in one of them only, as {min(missing)}",
            "judge both models on one split, or on one --list",
        )
    places = {image: index for index, image in enumerate(second.ids)}
    order = [places[image] for image in first.ids]
    counts = Counts(
        *(side[order] for side in (second.counts.right, second.counts.truth, second.counts.predicted))
    )
    differ = np.flatnonzero((counts.truth != first.counts.truth).any(axis=1))
    if differ.size:
        raise DataError(
            f"the labels of {differ.size} images differ in the two evaluations, as of {first.ids[differ[0]]}",
            "judge both models anew on the present labels",
        )
    return Record(second.name, first.ids, counts, second.classes)


def _difference(a: float, b: float, drawn: Floats) -> dict[str, Any]:
    interval = bootstrap.interval(drawn)
    defined = drawn[~np.isnan(drawn)]
    better = float(np.mean((defined > 0) + 0.5 * (defined == 0))) if defined.size else math.nan
    numbers = {"a": a, "b": b, "difference": b - a, "better": better}
    return {
        **{key: number(value) for key, value in numbers.items()},
        "interval": [number(end) for end in interval],
    }


def _images(first: Record, second: Record) -> dict[str, Any]:
    """The images whose own mean IoU rose and fell most."""
    a, b = first.counts.mean_iou(), second.counts.mean_iou()
    order = [int(index) for index in np.argsort(b - a, kind="stable") if not np.isnan(b[index] - a[index])]

    def listed(indices: list[int]) -> list[dict[str, Any]]:
        return [{"id": first.ids[i], "a": float(a[i]), "b": float(b[i])} for i in indices[:_MOST_IMAGES]]

    return {
        "gained": listed([i for i in reversed(order) if b[i] > a[i]]),
        "lost": listed([i for i in order if b[i] < a[i]]),
    }
