"""Compare two evaluations of the same images: differences with confidence intervals.

Both models were evaluated on the same images, so the bootstrap draws the same images for both and computes
the difference. This detects smaller differences than two separate intervals.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from pixelwise.core.errors import DataError
from pixelwise.core.files import regular_file
from pixelwise.core.terminal import counted, printable, reason_of
from pixelwise.evaluation import bootstrap
from pixelwise.evaluation.evaluation import FORMAT, SUMMARY, Evaluation
from pixelwise.evaluation.metrics.confusion import Counts, Floats, number
from pixelwise.evaluation.report.page import RECORD
from pixelwise.evaluation.tally import dense_counts

CONVENTION = (
    f"difference B - A with the {bootstrap.LEVEL:.0%} percentile interval from {bootstrap.RESAMPLES} paired "
    "bootstrap resamples of the images; another training of either net may differ by more"
)

_MOST_IMAGES = 5

MOST_BYTES = 500_000_000
"""The largest file of an evaluation; that of 100,000 images has a tenth of it."""

_HINT = "make one with: pixelwise eval MODEL --data KIND:PATH --report FOLDER"


@dataclass(frozen=True)
class Record:
    """The parts of a saved evaluation for a comparison: images in order, their counts (N, C), class names,
    and how many of the images the model learnt from, if it knows.
    """

    name: str
    ids: tuple[str, ...]
    counts: Counts
    classes: tuple[str, ...]
    in_training: int | None = None


Count = Annotated[int, Field(ge=0, le=10**12)]
Text = Annotated[str, Field(max_length=5000)]


class _Class(BaseModel, strict=True):
    name: Text


class _Image(BaseModel, strict=True):
    id: Text
    counts: list[Annotated[list[Count], Field(min_length=4, max_length=4)]]


class _Saved(BaseModel, strict=True):
    """The fields that are read of an evaluation; the file has more. `Evaluation.to_dict` has no model, views
    and CRF, which commands add.
    """

    format: int
    model: Text = ""
    views: Text = ""
    crf: Text | None = None
    per_class: Annotated[list[_Class], Field(min_length=1, max_length=255)]
    per_image: Annotated[list[_Image], Field(min_length=1)]
    in_training: Count | None = None


def load_record(path: Path) -> Record:
    """An evaluation that `pixelwise eval` saved with --report (the folder) or printed with --json (a file),
    or a file of `Evaluation.to_dict`, which is called as the file is.

    Raises DataError, with the file and the place in it, if the file is missing, is of another kind, or has
    counts that contradict each other.
    """
    file = path / RECORD if path.is_dir() else path
    shown = printable(file)
    try:
        size = regular_file(file).stat().st_size
        content = file.read_bytes() if size <= MOST_BYTES else b""
    except OSError as problem:
        raise DataError(f"the evaluation {shown} cannot be read: {reason_of(problem)}", _HINT) from None
    if not content:
        raise DataError(f"the evaluation {shown} is empty or larger than {MOST_BYTES // 10**6} MB", _HINT)
    try:
        saved = _Saved.model_validate_json(content)
        return _record(saved, shown)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        reason = f"{place[1:]}: {first['msg']}" if place else first["msg"]
        raise DataError(f"{shown} is not an evaluation: {printable(reason)}", _HINT) from None
    except ValueError as problem:
        raise DataError(f"the evaluation {shown} is damaged: {printable(problem)}", _HINT) from None


def record_of(evaluation: Evaluation, name: str) -> Record:
    """The same of an evaluation that was not saved."""
    tally = evaluation.tally
    names = tuple(evaluation.classes.names)
    return Record(name, tuple(tally.ids), tally.per_image(), names, evaluation.in_training)


def _record(saved: _Saved, file: str) -> Record:
    """Raise ValueError for impossible counts."""
    if saved.format != FORMAT:
        raise ValueError(f"it has format {saved.format}; this pixelwise reads {FORMAT}")
    classes = tuple(row.name for row in saved.per_class)
    ids = tuple(entry.id for entry in saved.per_image)
    for what, names in (("class", classes), ("image", ids)):
        if len(set(names)) < len(names):
            raise ValueError(f'it names the {what} "{max(names, key=names.count)}" twice')
    for entry in saved.per_image:
        present = [row[0] for row in entry.counts]
        if present and (len(set(present)) < len(present) or max(present) >= len(classes)):
            raise ValueError(
                f'the counts of "{entry.id}" name a class twice, or one above {len(classes) - 1}'
            )
        if any(right > min(truth, predicted) for _, right, truth, predicted in entry.counts):
            raise ValueError(f'more pixels of "{entry.id}" are right than there are')
    refined = "" if saved.crf is None else f", CRF {saved.crf}"
    counts = dense_counts([entry.counts for entry in saved.per_image], len(classes))
    name = f"{saved.model} ({saved.views}{refined})" if saved.model else file
    return Record(name, ids, counts, classes, saved.in_training)


def compare(first: Record, second: Record) -> dict[str, Any]:
    """Figures in [0, 1] of both, `difference` (second - first), its `interval`, and `better`, the share of
    resamples in which the second is better (ties count half), for the four metrics and the IoU of each class.

    Raises DataError unless both used the same labels of the same images with the same classes.
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
        "in_training": {"a": first.in_training, "b": second.in_training},
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
            "the evaluations have different classes: "
            + ", ".join(first.classes)
            + " against "
            + ", ".join(second.classes),
            "evaluate both models with the same --classes",
        )
    if missing := set(first.ids) ^ set(second.ids):
        raise DataError(
            f"the evaluations are of different images: {len(missing)} are in only one of them, such as "
            f"{min(missing)}",
            "evaluate both models on the same split, or with the same --list",
        )
    places = {image: index for index, image in enumerate(second.ids)}
    order = [places[image] for image in first.ids]
    counts = Counts(
        *(side[order] for side in (second.counts.right, second.counts.truth, second.counts.predicted))
    )
    differ = np.flatnonzero((counts.truth != first.counts.truth).any(axis=1))
    if differ.size:
        raise DataError(
            f"the labels of {counted(differ.size, 'image')} differ in the two evaluations, "
            f"such as those of {first.ids[differ[0]]}",
            "evaluate both models again on the current labels",
        )
    return Record(second.name, first.ids, counts, second.classes, second.in_training)


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
