"""The audit before a training: is every file there, does every label fit its image, is every id known?"""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.data.sample import LabelledImages, Pair, listed, read_ids, read_rgb
from pixelwise.errors import DataError
from pixelwise.types import VOID


@dataclass(frozen=True)
class Finding:
    """Something wrong with one sample (an error) or worth knowing of the whole split (a warning)."""

    kind: str
    message: str


@dataclass
class Audit:
    """What was found. `pixels[c]` counts the pixels of class c, `images[c]` the images that show it."""

    dataset: LabelledImages
    errors: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    pixels: list[int] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    void_pixels: int = 0

    @property
    def void_share(self) -> float:
        """Void pixels as a share of all, in [0, 1]."""
        return self.void_pixels / max(1, self.void_pixels + sum(self.pixels))

    def to_dict(self) -> dict[str, Any]:
        classes = self.dataset.classes.names
        return {
            "data": self.dataset.name,
            "samples": len(self.dataset),
            "errors": [vars(finding) for finding in self.errors],
            "warnings": [vars(finding) for finding in self.warnings],
            "void_share": self.void_share,
            "classes": [
                {"id": i, "name": name, "pixels": self.pixels[i], "images": self.images[i]}
                for i, name in enumerate(classes)
            ],
        }

    def raise_errors(self) -> None:
        """Raise DataError with the first few errors, if there are any."""
        if not self.errors:
            return
        shown = "".join(f"\n  {finding.message}" for finding in self.errors[:10])
        more = f"\n  and {len(self.errors) - 10} more" if len(self.errors) > 10 else ""
        raise DataError(
            f"{self.dataset.name}: faults {len(self.errors)}{shown}{more}",
            "mend these files, or drop ids with --classes ...,void=ID+ID; `pixelwise check` lists all",
        )


@dataclass(frozen=True)
class _Look:
    """One sample: the pixel counts of its ids (256), or what is wrong."""

    counts: "np.ndarray[tuple[int], np.dtype[np.intp]] | None"
    errors: tuple[Finding, ...] = ()


def audit(dataset: LabelledImages, progress: Callable[[int], None] | None = None) -> Audit:
    """Read every file of the split once, in threads; `progress` is told the samples done."""
    report = Audit(dataset)
    counts = np.zeros(256, np.int64)
    pixels = np.zeros(len(dataset.classes), np.int64)
    images = np.zeros(len(dataset.classes), np.int64)
    repeated = [id_ for id_, times in Counter(pair.id for pair in dataset.pairs).items() if times > 1]
    report.errors += [Finding("repeated", f"{id_} stands more than once in the list") for id_ in repeated]

    table = np.array(dataset.class_map.table)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = pool.map(lambda pair: _look(pair, dataset), dataset.pairs)
        for done, look in enumerate(looks, start=1):
            report.errors += look.errors
            if look.counts is not None:
                counts += look.counts
                by_class = np.array([look.counts[table == c].sum() for c in range(len(pixels))], np.int64)
                pixels += by_class
                images += by_class > 0
            if progress is not None:
                progress(done)

    report.pixels, report.images = pixels.tolist(), images.tolist()
    report.void_pixels = int(counts[table == VOID].sum())
    report.errors += _whole_split(report, counts)
    report.warnings += _warnings(report)
    return report


def _look(pair: Pair, dataset: LabelledImages) -> _Look:
    missing = [
        Finding("missing", f"{pair.id}: the {kind} {path} does not exist")
        for kind, path in (("image", pair.image), ("label", pair.label))
        if not path.is_file()
    ]
    if missing:
        return _Look(None, tuple(missing))
    try:
        image, ids = read_rgb(pair.image), read_ids(pair.label)
    except DataError as error:
        return _Look(None, (Finding("unreadable", f"{pair.id}: {error.message}"),))
    counts = np.bincount(ids.ravel(), minlength=256)
    errors = []
    if image.shape[:2] != ids.shape:
        size = f"{ids.shape[1]} x {ids.shape[0]} pixels, its image {image.shape[1]} x {image.shape[0]}"
        errors.append(Finding("size", f"{pair.id}: the label is {size} ({pair.label})"))
    unknown = dataset.class_map.unknown(np.flatnonzero(counts))
    if unknown:
        share = counts[unknown].sum() / ids.size
        found = f"the ids {listed(unknown)} ({100 * share:.1f}% of the pixels) are out of range"
        errors.append(Finding("ids", f"{pair.id}: {found} ({pair.label})"))
    return _Look(counts, tuple(errors))


def _warnings(report: Audit) -> list[Finding]:
    names = report.dataset.classes.names
    found = []
    if report.void_share > 0.5:
        found.append(Finding("void", f"{report.void_share:.1%} of the pixels are void"))
    absent = [names[i] for i, count in enumerate(report.pixels) if count == 0]
    if absent:
        found.append(Finding("absent", f"no pixel shows {', '.join(absent)}"))
    return found


def _whole_split(report: Audit, counts: npt.NDArray[np.int64]) -> list[Finding]:
    """What only all labels together show."""
    if counts[VOID] and not counts[1:VOID].any():
        message = (
            "the labels hold only 0 and 255, but 255 is void, so there is nothing but class 0; "
            "if these are masks with 255 as foreground, save them with 1 instead"
        )
        return [Finding("binary", message)]
    if counts.any() and not any(report.pixels):
        return [Finding("unlabelled", "not one pixel is labelled")]
    return []
