"""The audit of a split before training: it reads every file once and reports every fault."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pixelwise.core.errors import DataError
from pixelwise.core.pictures.reading import DIM
from pixelwise.core.terminal import few
from pixelwise.core.threads import in_order, thread_count
from pixelwise.core.types import VOID
from pixelwise.data.checks.alike_classes import alike_names
from pixelwise.data.checks.label_palettes import PaletteReview
from pixelwise.data.checks.sample_check import Finding, Look, hints_of, look
from pixelwise.data.checks.sided_classes import sided_pairs
from pixelwise.data.class_map import ClassMap
from pixelwise.data.sample import LabelledImages
from pixelwise.data.sample_files import ImageFile

SIDES = "sides"
"""The kind of a warning that matters only where pictures are mirrored."""


@dataclass
class HeadCount:
    """`ids[i]` counts the pixels of id i in the files, `pixels[c]` those of class c, `images[c]` the images
    that show it.
    """

    class_map: ClassMap
    ids: Counter[int] = field(default_factory=Counter)
    images: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images = self.images or [0] * len(self.class_map.classes)

    @property
    def pixels(self) -> list[int]:
        totals = [0] * len(self.class_map.classes)
        for id_, many in self.ids.items():
            if (class_ := self.class_map.table.get(id_, VOID)) != VOID:
                totals[class_] += many
        return totals

    @property
    def void_share(self) -> float:
        """Void pixels as a share of those that are void or labelled, in [0, 1]."""
        void = sum(many for id_, many in self.ids.items() if self.class_map.table.get(id_) == VOID)
        return void / max(1, void + sum(self.pixels))

    def add(self, counts: Mapping[int, int]) -> None:
        """Count one more image."""
        self.ids.update(counts)
        for class_ in {self.class_map.table.get(id_, VOID) for id_, many in counts.items() if many} - {VOID}:
            self.images[class_] += 1

    def to_dict(self) -> dict[str, Any]:
        names, pixels = self.class_map.classes.names, self.pixels
        return {
            "void_share": self.void_share,
            "classes": [
                {"id": i, "name": name, "pixels": pixels[i], "images": self.images[i]}
                for i, name in enumerate(names)
            ],
        }


@dataclass
class Audit:
    """The findings for a split, and the counts of its heads.

    `values` are the lowest and highest value of all images, in 0 to 255.
    """

    dataset: LabelledImages
    heads: dict[str, HeadCount]
    errors: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    values: tuple[int, int] | None = None

    @property
    def main(self) -> HeadCount:
        """The counts of the main head."""
        return next(iter(self.heads.values()))

    @property
    def pixels(self) -> list[int]:
        """The labelled pixels by class of the main head."""
        return self.main.pixels

    def to_dict(self) -> dict[str, Any]:
        ids = [entry.id for entry in self.dataset.entries]
        return {
            "data": self.dataset.name,
            "samples": len(self.dataset),
            "image_values": self.values,
            "errors": [_plain(finding, ids) for finding in self.errors],
            "warnings": [_plain(finding, ids) for finding in self.warnings],
            "heads": {name: count.to_dict() for name, count in self.heads.items()},
        }

    def raise_errors(self) -> None:
        """Raise DataError with the first few errors, if there are any."""
        if not self.errors:
            return
        more = [f"and {len(self.errors) - 10} more"] if len(self.errors) > 10 else []
        cures = hints_of(self.errors) or ["fix these files"]
        raise DataError(
            f"{self.dataset.name}: faults {len(self.errors)}",
            "; ".join([*cures, "`pixelwise check` lists all"]),
            [*(finding.message for finding in self.errors[:10]), *more],
        )


def audit(
    dataset: LabelledImages,
    progress: Callable[[int], None] | None = None,
    looks: Iterable[Look] | None = None,
) -> Audit:
    """Read every file of the split once, in threads; `progress` receives the number of samples done.

    looks: at each sample, in order, if the files are read elsewhere.
    """
    report = Audit(dataset, {name: HeadCount(class_map) for name, class_map in dataset.heads.items()})
    report.errors += _repeated(dataset)

    dim: list[int] = []
    palettes = PaletteReview(dataset.class_map)
    for index, found in enumerate(looks_at(dataset) if looks is None else looks):
        report.errors += found.errors
        if found.values is not None:
            report.values = _joined(report.values, found.values)
            dim += [index] if found.values[0] < found.values[1] < DIM else []
        report.warnings += found.warnings
        palettes.add(index, found.palette)
        for name, counts in found.counts.items():
            report.heads[name].add(counts)
        if progress is not None:
            progress(index + 1)
    report.warnings += _dim(dim, dataset)
    report.warnings += palettes.findings([entry.id for entry in dataset.entries])
    for name, count in report.heads.items():
        called = "" if len(report.heads) == 1 else f"{name}: "
        report.errors += [Finding(kind, called + message) for kind, message in _faults(count)]
        report.warnings += [Finding(kind, called + message) for kind, message in _doubts(count)]
    return report


def looks_at(dataset: LabelledImages, threads: int | None = None) -> Iterator[Look]:
    """A look at each sample, in order; threads: None takes all processors."""
    return in_order(lambda index: look(dataset, index), range(len(dataset)), thread_count(threads))


def _repeated(dataset: LabelledImages) -> list[Finding]:
    """Errors for ids that repeat, and for picture files of several samples, each with its own labels, unless
    these are of other classes (`Entry.labelled`).
    """
    repeated = Counter(entry.id for entry in dataset.entries)
    pictures: dict[str, dict[str, None]] = {}
    for entry in dataset.entries:
        if repeated[entry.id] > 1:
            pictures.setdefault(entry.id, {})[str(entry.image.path)] = None
    found = [
        Finding("repeated", f"{id_} is in the list more than once")
        if len(paths) == 1
        else Finding("repeated", f"{id_} is the id of {few([*paths])}", hint="give each picture its own name")
        for id_, paths in pictures.items()
    ]
    owners: dict[tuple[str, frozenset[int] | None], list[int]] = {}
    for index, entry in enumerate(dataset.entries):
        if isinstance(entry.image, ImageFile) and repeated[entry.id] == 1:
            path = os.path.abspath(entry.image.path)  # noqa: PTH100  Path.resolve would follow links
            owners.setdefault((path, entry.labelled), []).append(index)
    for (path, _), places in owners.items():
        if len(places) > 1:
            named = ", ".join(dataset.entries[index].id for index in places[:5]) + ", ..." * (len(places) > 5)
            message = f"{named} have the same picture, {path}, but different labels"
            found.append(Finding("repeated", message, tuple(places)))
    return found


def _joined(first: tuple[int, int] | None, second: tuple[int, int]) -> tuple[int, int]:
    return second if first is None else (min(first[0], second[0]), max(first[1], second[1]))


def _dim(places: list[int], dataset: LabelledImages) -> list[Finding]:
    """The warning that these images use only a small part of the range of values."""
    if not places:
        return []
    example = dataset.entries[places[0]].id
    message = (
        f"{len(places)} of {len(dataset)} images, such as {example}, are nearly black: no value reaches "
        f"{DIM} of 255. 16 bits are scaled from 0..65535: if only 10 or 12 of them are used, scale the "
        "values up first"
    )
    return [Finding("dim", message, tuple(places))]


def _faults(count: HeadCount) -> list[tuple[str, str]]:
    """Findings from all labels of a head together."""
    found = []
    binary = set(count.ids) == {0, VOID} and count.class_map.table.get(VOID) == VOID
    if binary:
        message = (
            "the labels hold only 0 and 255, but 255 is void, so there is nothing but class 0; "
            "if these are masks with 255 as foreground, add foreground=255 to the data, as in "
            "folder:PATH,foreground=255"
        )
        found.append(("binary", message))
    elif count.ids.total() and not any(count.pixels):
        found.append(("unlabelled", "no pixel is labelled"))
    return found


def _doubts(count: HeadCount) -> list[tuple[str, str]]:
    found = []
    highest = len(count.class_map.classes)
    out_of_range = set(count.ids) - set(count.class_map.table)
    few_zeros = 0 < count.ids[0] < 0.3 * count.ids.total()
    if out_of_range == {highest} and count.class_map.table.get(0) == 0 and few_zeros:
        message = (
            f"only the id {highest} is out of range, and 0 is rare: if the ids are counted from 1 "
            "and 0 is void, write folder:PATH,zero=void"
        )
        found.append(("counted", message))
    if count.void_share > 0.5:
        found.append(("void", f"{count.void_share:.1%} of the pixels are void"))
    absent = [
        name for name, pixels in zip(count.class_map.classes.names, count.pixels, strict=True) if not pixels
    ]
    if absent:
        found.append(("absent", f"no pixel shows {', '.join(absent)}"))
    if groups := alike_names(count.class_map.classes.names):
        named = "; ".join(" and ".join(group) for group in groups[:5]) + "; ..." * (len(groups) > 5)
        one, *others = groups[0]
        message = (
            f"classes have nearly the same names: {named}. If they are one class, correct the labels or "
            f'merge them: --classes "...,{one}={"+".join([one, *others])}"'
        )
        found.append(("alike", message))
    if pairs := sided_pairs(count.class_map.classes.names):
        named = ", ".join(f"{left} and {right}" for left, right in pairs[:5]) + ", ..." * (len(pairs) > 5)
        message = (
            f"{named} differ only by left and right. Mirrored training pictures keep their labels, so the "
            "net would confuse these classes: set mirror=false, and leave out --flip"
        )
        found.append((SIDES, message))
    return found


def _plain(finding: Finding, ids: list[str]) -> dict[str, Any]:
    plain = {"kind": finding.kind, "message": finding.message, "samples": [ids[i] for i in finding.samples]}
    return plain | ({"hint": finding.hint} if finding.hint else {})
