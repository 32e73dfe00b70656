"""Check images and labels before training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.core.files import write_atomically
from pixelwise.data.checks.check_page import survey_page
from pixelwise.data.checks.split_check import Leak, Survey, compare, leak_to_dict, survey
from pixelwise.data.sample import LabelledImages
from pixelwise.data.spec import open_splits
from pixelwise.workflows.data import OnImage, counter


@dataclass(frozen=True)
class Check:
    """The findings of each split, and the `errors` and `warnings` about images that two splits share."""

    data: str
    splits: Mapping[str, Survey]
    errors: tuple[Leak, ...]
    warnings: tuple[Leak, ...]

    @property
    def faults(self) -> int:
        """How many errors there are in all."""
        return len(self.errors) + sum(len(one.audit.errors) for one in self.splits.values())

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        between = {
            "errors": [leak_to_dict(leak, self.splits) for leak in self.errors],
            "warnings": [leak_to_dict(leak, self.splits) for leak in self.warnings],
        }
        splits = {name: one.audit.to_dict() for name, one in self.splits.items()}
        return {"data": self.data, "splits": splits, "between": between}

    def write_page(self, path: str | Path) -> None:
        """Write everything as an HTML page with thumbnails."""
        text = survey_page(self.data, self.splits, self.errors, self.warnings)
        write_atomically(Path(path), lambda file: file.write(text.encode()))


def check(
    data: str,
    split: str | None = None,
    classes: str | None = None,
    on_image: OnImage | None = None,
    channels: Sequence[str] = (),
    surveyed: Callable[[LabelledImages, Callable[[int], None]], Survey] = survey,
) -> Check:
    """Find faults in the data set KIND:PATH, in one split or in all the usual ones that are there.

    Errors: missing or broken files, wrong sizes, ids out of range, equal images or ids in two splits, splits
    whose classes differ.
    Warnings: similar images in two splits, labels that do not fit their images, absent classes. on_image is
    called with the split's name, the number of images done and their total. channels: what to read besides
    picture and labels, such as "depth", or "bands" for every channel of the pictures at its full depth.
    surveyed: what surveys a split, and calls a function with the number of images done.

    Raises DataError if there is no such data set, split or channel.
    """
    surveys: dict[str, Survey] = {}
    for name, dataset in open_splits(data, split, classes).items():
        dataset = dataset.with_channels(*channels)
        surveys[name] = surveyed(dataset, counter(on_image, name, len(dataset)))
    errors, warnings = compare(surveys)
    return Check(data, surveys, tuple(errors), tuple(warnings))
