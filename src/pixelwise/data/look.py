"""What one sample shows of itself: is every file there, does every label fit, is every id known?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pixelwise.data.class_map import ClassMap, id_counts
from pixelwise.data.in_memory import Held
from pixelwise.data.parts import Part
from pixelwise.data.sample import LabelledImages
from pixelwise.errors import DataError
from pixelwise.types import FileIds, RGBImage


@dataclass(frozen=True)
class Finding:
    """Something wrong (an error) or worth knowing (a warning), of the samples at these places of the
    split.
    """

    kind: str
    message: str
    samples: tuple[int, ...] = ()


def by_kind(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """The findings of each kind, in their order."""
    kinds: dict[str, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding)
    return kinds


@dataclass(frozen=True)
class Look:
    """A sample that was read: pixel counts of the file ids by head, and what is wrong with it.

    `image` and `ids` are what was read, for those who look on; they are missing if they cannot be read.
    """

    counts: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    errors: tuple[Finding, ...] = ()
    image: RGBImage | None = None
    ids: Mapping[str, FileIds] = field(default_factory=dict)


def look(dataset: LabelledImages, index: int) -> Look:
    """Read sample `index` and find every fault at once, where LabelledImages.read raises the first."""
    entry = dataset.entries[index]
    errors: list[Finding] = []

    def fault(kind: str, message: str) -> None:
        errors.append(Finding(kind, f"{entry.id}: {message}", (index,)))

    named = {"image": entry.image.path} | {
        _called(dataset, head): entry.labels[head].path for head in dataset.heads
    }
    named |= {f"channel {name}": entry.channels[name].path for name in dataset.channels}
    if isinstance(entry.image, Held):
        named.clear()  # arrays have no files
    for name, path in named.items():
        if not path.is_file():
            fault("missing", f"the {name} {path} does not exist")
    if errors:
        return Look(errors=tuple(errors))

    try:
        image = entry.image.read()
        ids = {head: entry.labels[head].read() for head in dataset.heads}
        channels = {name: entry.channels[name].read() for name in dataset.channels}
    except DataError as error:
        fault("unreadable", error.message)
        return Look(errors=tuple(errors))
    sizes = {_called(dataset, head): values.shape for head, values in ids.items()}
    sizes |= {f"channel {name}": values.shape[:2] for name, values in channels.items()}
    for name, (height, width) in sizes.items():
        if (height, width) != image.shape[:2]:
            own = f"{image.shape[1]} x {image.shape[0]}"
            fault("size", f"the {name} is {width} x {height} pixels, its image {own} ({named[name]})")
    counts = {head: id_counts(values) for head, values in ids.items()}
    for head, class_map in dataset.heads.items():
        if unknown := {id_: many for id_, many in counts[head].items() if id_ not in class_map.table}:
            fault("ids", _id_fault(entry.labels[head], class_map, unknown, ids[head].size))
    return Look(counts, tuple(errors), image, ids)


def _called(dataset: LabelledImages, head: str) -> str:
    return "label" if len(dataset.heads) == 1 else f"{head} label"


def _id_fault(part: Part[FileIds], class_map: ClassMap, unknown: Mapping[int, int], pixels: int) -> str:
    many = sum(unknown.values())
    share = f"{many:,} pixels, {100 * many / pixels:.1f}%"
    return f"the {class_map.listed(unknown)} ({share}) are out of range ({part.path})"
