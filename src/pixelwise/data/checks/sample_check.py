"""Check one sample: all files are there, labels have the picture's size, all ids are known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from pixelwise.core.errors import DataError, MissingExtraError
from pixelwise.core.files import regular_file
from pixelwise.core.pictures.bands import view_of
from pixelwise.core.terminal import reason_of
from pixelwise.core.types import BANDS, FileIds, RGBImage
from pixelwise.data.class_map import ClassMap, id_counts
from pixelwise.data.in_memory import Held
from pixelwise.data.sample import UNKNOWN_IDS, LabelledImages
from pixelwise.data.sample_files import Drawing, IdFile, Part, part_errors

Content = TypeVar("Content")

_MANY_IDS = 20  # of one file
_MOST_HINTS = 3  # for findings of one kind
_NOT_CLASSES = (
    "a file with so many ids was smoothed, scaled or saved as JPEG, or holds objects instead of classes: "
    "make it again with an id for each class"
)

_PLACES = "`pixelwise data {kind}` shows where files are expected, and how to name other places"


@dataclass(frozen=True)
class Finding:
    """Something wrong (an error) or worth knowing (a warning), of the samples at these places of the
    split. `hint` says what to do, if that is not part of the message.
    """

    kind: str
    message: str
    samples: tuple[int, ...] = ()
    hint: str = ""


def by_kind(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """The findings of each kind, in their order."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    return kinds


def hints_of(findings: Sequence[Finding]) -> list[str]:
    """Their first hints, each once."""
    return list(dict.fromkeys(finding.hint for finding in findings if finding.hint))[:_MOST_HINTS]


@dataclass(frozen=True)
class Look:
    """A sample that was read: pixel counts of the file ids by head, and its faults.

    `warnings` name the objects that are not visible in any label. `image` and `ids` are the content, for
    further checks; they are missing if they cannot be read. `palette` has the colours, as 0xRRGGBB, of the
    main head's ids, if its file has them.
    """

    counts: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    image: RGBImage | None = None
    ids: Mapping[str, FileIds] = field(default_factory=dict)
    values: tuple[int, int] | None = None
    palette: Mapping[int, int] = field(default_factory=dict)


def look(dataset: LabelledImages, index: int) -> Look:
    """Read sample `index` and find all its faults; LabelledImages.read raises only the first.

    Every error becomes a finding of this sample. Raises only MissingExtraError.
    """
    entry = dataset.entries[index]
    try:
        return _look(dataset, index)
    except MissingExtraError:
        raise
    except Exception as error:
        return Look(errors=(Finding("unreadable", f"{entry.id}: {unexpected(error)}", (index,)),))


def unexpected(error: Exception) -> str:
    """The kind and the reason of an error that no check foresees, on one line."""
    return f"{type(error).__name__}: {reason_of(error)}"


def _look(dataset: LabelledImages, index: int) -> Look:
    entry = dataset.entries[index]
    errors: list[Finding] = []

    def fault(kind: str, message: str, hint: str | None = None) -> None:
        errors.append(Finding(kind, f"{entry.id}: {message}", (index,), hint or ""))

    def attempt(path: Path, read: Callable[[], Content]) -> Content | None:
        try:
            with part_errors(path):
                return read()
        except DataError as error:
            fault("unreadable", error.message, error.hint)
            return None

    named = {"image": entry.image.path} | {
        _called(dataset, head): entry.labels[head].path for head in dataset.heads
    }
    named |= {f"channel {name}": entry.channels[name].path for name in dataset.channels if name != BANDS}
    if any(isinstance(labels, Held) for labels in entry.labels.values()):
        named.clear()  # arrays have no files
    for name, path in named.items():
        try:
            regular_file(path)
        except (FileNotFoundError, NotADirectoryError):
            kind = dataset.name.partition(":")[0]
            fault("missing", f"the {name} {path} does not exist", _PLACES.format(kind=kind))
        except OSError as error:
            fault("unreadable", f"the {name} {path} cannot be read: {reason_of(error)}")
    if errors:
        return Look(errors=tuple(errors))

    channels = {
        name: attempt(entry.channels[name].path, entry.channels[name].read) for name in dataset.channels
    }
    bands = channels.get(BANDS)
    if BANDS in channels:
        image = None if bands is None else view_of(bands)
    else:
        image = attempt(entry.image.path, entry.image.read)
    drawn = {
        head: attempt(entry.labels[head].path, partial(_drawn, entry.labels[head])) for head in dataset.heads
    }
    ids = {head: found[0] for head, found in drawn.items() if found is not None}
    if errors or image is None:
        return Look(errors=tuple(errors))
    sizes = {_called(dataset, head): values.shape for head, values in ids.items()}
    sizes |= {f"channel {name}": values.shape[:2] for name, values in channels.items() if values is not None}
    for name, (height, width) in sizes.items():
        if (height, width) != image.shape[:2]:
            own = f"{image.shape[1]} x {image.shape[0]}"
            turned = ": was one of them turned by its EXIF orientation, the other not?"
            why = turned if (width, height) == image.shape[:2] else ""
            place = named.get(name, entry.image.path)
            fault("size", f"the {name} is {width} x {height} pixels, its image {own} ({place}){why}")
    counts = {head: id_counts(values) for head, values in ids.items()}
    for head, class_map in dataset.heads.items():
        if unknown := {id_: many for id_, many in counts[head].items() if id_ not in class_map.table}:
            hint = UNKNOWN_IDS if len(unknown) < _MANY_IDS else _NOT_CLASSES
            fault("ids", _id_fault(entry.labels[head], class_map, unknown, ids[head].size), hint)
    hidden = [phrase for found in drawn.values() if found is not None for phrase in found[1]]
    values = int(image.min()), int(image.max())
    main = next(iter(dataset.heads))
    label = entry.labels[main]
    palette = label.colours(counts[main]) if isinstance(label, IdFile) else {}
    return Look(counts, tuple(errors), _doubts(entry.id, index, hidden), image, ids, values, palette)


def _drawn(part: Part[FileIds]) -> tuple[FileIds, tuple[str, ...]]:
    return part.draw() if isinstance(part, Drawing) else (part.read(), ())


def _doubts(id_: str, index: int, hidden: Sequence[str]) -> tuple[Finding, ...]:
    """The warning that these objects are not visible in any label."""
    if not hidden:
        return ()
    many = "1 object shows" if len(hidden) == 1 else f"{len(hidden)} objects show"
    named = "; ".join(hidden[:3]) + "; ..." * (len(hidden) > 3)
    return (Finding("undrawn", f"{id_}: {many} in no label: {named}", (index,)),)


def _called(dataset: LabelledImages, head: str) -> str:
    return "label" if len(dataset.heads) == 1 else f"{head} label"


def _id_fault(part: Part[FileIds], class_map: ClassMap, unknown: Mapping[int, int], pixels: int) -> str:
    many = sum(unknown.values())
    share = f"{many:,} pixels, {100 * many / pixels:.1f}%"
    return f"the {class_map.listed(unknown)} ({share}) are out of range ({part.path})"
