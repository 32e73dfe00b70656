"""The full check: the audit of every split, suspicions about it, and images that splits share."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise.core.types import VOID
from pixelwise.data.checks.audit import Audit, audit, looks_at
from pixelwise.data.checks.label_alignment import Alignment, align, reduced, suspicions
from pixelwise.data.checks.picture_hashes import Fingerprint, fingerprint, near_pairs
from pixelwise.data.checks.sample_check import Finding, Look, unexpected
from pixelwise.data.checks.shared_pictures import different_classes
from pixelwise.data.class_map import ClassMap
from pixelwise.data.sample import LabelledImages

_MOST_IDS = 20  # in a message
_DEPTH = 3  # pixels that the inside of an area is away from other ids


@dataclass(frozen=True)
class Survey:
    """An audit whose warnings include suspicions, and the fingerprints of its images by index."""

    audit: Audit
    prints: tuple[Fingerprint | None, ...]


@dataclass(frozen=True)
class Leak:
    """A fault of two splits: pairs of samples that they have in common, as (place in the first, place in the
    second), or classes that differ.
    """

    kind: str
    message: str
    splits: tuple[str, str]
    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Examined:
    """What a survey keeps of a sample: the look without the content, and what was found in that.

    zeros: the pixels of the main head, those of id 0, those deep inside areas of id 0.
    """

    look: Look
    print_: Fingerprint | None = None
    alignment: Alignment | None = None
    zeros: tuple[int, int, int] = (0, 0, 0)


def survey(
    dataset: LabelledImages,
    progress: Callable[[int], None] | None = None,
    samples: Iterable[Examined] | None = None,
) -> Survey:
    """Audit a split, and look for duplicates, labels that do not fit their images, and an id 0 with another
    meaning than in the list of classes.

    samples: in order, if they are examined elsewhere.
    """
    kept: list[Examined] = []

    def looks() -> Iterator[Look]:
        for sample in examine(dataset) if samples is None else samples:
            kept.append(replace(sample, look=_NOTHING))
            yield sample.look

    report = audit(dataset, progress, looks())
    zeros = np.array([sample.zeros for sample in kept], np.int64).reshape(-1, 3)
    report.warnings += suspect_zero(dataset.class_map, zeros)
    report.warnings += _named(suspicions([sample.alignment for sample in kept]), dataset)
    prints = [sample.print_ for sample in kept]
    report.warnings += _repeated(prints, dataset)
    return Survey(report, tuple(prints))


_NOTHING = Look()


def examine(dataset: LabelledImages, threads: int | None = None) -> Iterator[Examined]:
    """Examine each sample, in order; threads: None takes all processors.

    They read the files. The rest is done in the calling thread: its many small steps would make the readers
    wait for the interpreter.
    """
    head = next(iter(dataset.heads))
    for index, look in enumerate(looks_at(dataset, threads)):
        plain = replace(look, image=None, ids={})
        try:
            sample = _examined(look, plain, head)
        except Exception as error:
            message = f"{dataset.entries[index].id}: {unexpected(error)}"
            fault = Finding("unreadable", message, (index,))
            sample = Examined(replace(plain, errors=(*plain.errors, fault)))
        yield sample


def _examined(look: Look, plain: Look, head: str) -> Examined:
    if look.image is None:
        return Examined(plain)
    small = reduced(look.image)
    print_ = fingerprint(look.image, small)
    ids = look.ids[head]
    alignment = align(small, ids) if ids.shape == look.image.shape[:2] else None
    zero = ids == 0
    deep = int(inside(zero, _DEPTH).sum()) if zero.any() else 0
    return Examined(plain, print_, alignment, (ids.size, int(zero.sum()), deep))


def compare(surveys: Mapping[str, Survey]) -> tuple[list[Leak], list[Leak]]:
    """Leaks between splits, as errors (other classes, equal ids, equal images) and warnings (similar
    images).
    """
    errors, warnings = [], []
    names = list(surveys)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            ours, theirs = surveys[first], surveys[second]
            pair = first, second
            fault = different_classes(ours.audit.dataset, theirs.audit.dataset)
            if fault is not None:
                errors.append(Leak("classes", fault, pair, ()))
            ids = _places([entry.id for entry in theirs.audit.dataset.entries])
            leaked = [
                (a, ids[entry.id]) for a, entry in enumerate(ours.audit.dataset.entries) if entry.id in ids
            ]
            digests = _places([None if print_ is None else print_.digest for print_ in theirs.prints])
            equal = [
                (a, digests[print_.digest])
                for a, print_ in enumerate(ours.prints)
                if print_ is not None and print_.digest in digests
            ]
            equal = [match for match in equal if match not in leaked]
            near = [match for match in _near(ours, theirs) if match not in leaked]
            if leaked:
                errors.append(
                    Leak("leaked", f"{_many(leaked, 'id')} in both {first} and {second}", pair, tuple(leaked))
                )
            if equal:
                message = f"{_many(equal, 'image')} of {first} in {second} under another name"
                errors.append(Leak("duplicate", message, pair, tuple(equal)))
            if near:
                message = f"{_many(near, 'image')} of {first} nearly like one of {second}"
                warnings.append(Leak("similar", message, pair, tuple(near)))
    return errors, warnings


def leak_to_dict(leak: Leak, surveys: Mapping[str, Survey]) -> dict[str, Any]:
    """Plain data, with ids instead of places."""
    first, second = (surveys[name].audit.dataset.entries for name in leak.splits)
    pairs = [[first[a].id, second[b].id] for a, b in leak.pairs]
    return {"kind": leak.kind, "message": leak.message, "splits": list(leak.splits), "pairs": pairs}


def inside(mask: npt.NDArray[np.bool_], depth: int) -> npt.NDArray[np.bool_]:
    """The pixels of the mask whose square of 2 * depth + 1 pixels lies within it."""
    result = np.pad(mask, depth)
    for _ in (0, 1):  # along the rows, then along the columns
        length = result.shape[0] - 2 * depth
        within = result[:length].copy()
        for k in range(1, 2 * depth + 1):
            within &= result[k : k + length]
        result = np.ascontiguousarray(within.T)
    return result


def suspect_zero(class_map: ClassMap, zeros: npt.NDArray[np.int64]) -> list[Finding]:
    """A message if id 0 does not look like a class or like void, whichever the classes say.

    `zeros` (N, 3): per image its pixels, those of id 0, and those deep inside areas of id 0. Void is drawn as
    thin lines between classes, or fills little; a class has areas.
    """
    if class_map.notation != "ids" or 0 not in class_map.table:
        return []
    pixels, zero, deep = (int(total) for total in zeros.sum(axis=0))
    shown = (zeros[:, 1] > 0).mean() if len(zeros) else 0.0
    if not zero:
        return []
    share = zero / pixels
    if class_map.table[0] == VOID:
        if share > 0.5 and deep > 0.5 * zero:
            message = (
                f"id 0 is void here, but {share:.0%} of the pixels have it, in large areas: is it a class?"
            )
            return [Finding("zero", message)]
        return []
    if shown > 0.3 and share < 0.3 and deep < 0.05 * zero:
        name = class_map.classes.names[class_map.table[0]]
        message = (
            f'id 0 ("{name}") has only thin lines, {share:.1%} of the pixels, as void has between classes: '
            "if 0 is void, say so (folder:PATH,zero=void) or drop it with --classes"
        )
        return [Finding("zero", message)]
    return []


def _many(matches: list[tuple[int, int]], what: str) -> str:
    count = len({a for a, _ in matches})
    return f"{count:,} {what}{'s' * (count > 1)}"


def _named(findings: list[Finding], dataset: LabelledImages) -> list[Finding]:
    """Findings with the ids of their samples in front."""
    named = []
    for finding in findings:
        ids = ", ".join(dataset.entries[place].id for place in finding.samples[:_MOST_IDS])
        more = len(finding.samples) - _MOST_IDS
        start = f"{ids}{f' and {more} more' if more > 0 else ''}: " if ids else ""
        named.append(Finding(finding.kind, start + finding.message, finding.samples))
    return named


def _repeated(prints: list[Fingerprint | None], dataset: LabelledImages) -> list[Finding]:
    places: dict[bytes, list[int]] = {}
    for place, print_ in enumerate(prints):
        if print_ is not None:
            places.setdefault(print_.digest, []).append(place)
    return [
        Finding(
            "duplicate", f"{', '.join(dataset.entries[i].id for i in same)} are the same image", tuple(same)
        )
        for same in places.values()
        if len({dataset.entries[i].id for i in same}) > 1
    ]


def _places(keys: list[Any]) -> dict[Any, int]:
    """The first place of each key but None."""
    found: dict[Any, int] = {}
    for place, key in enumerate(keys):
        if key is not None:
            found.setdefault(key, place)
    return found


def _near(first: Survey, second: Survey) -> list[tuple[int, int]]:
    ours, theirs = (
        [(place, print_) for place, print_ in enumerate(one.prints) if print_ is not None]
        for one in (first, second)
    )
    found = near_pairs([print_ for _, print_ in ours], [print_ for _, print_ in theirs])
    return [(ours[i][0], theirs[j][0]) for i, j in found]
