"""The type of every data set: images with labels of one or more heads, read one at a time.

Most data sets have one head; for these use `Sample.labels` and `LabelledImages.classes`. SIFT Flow and
Stanford Background have two, a semantic and a geometric one; NYUDv2 has extra channels.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError
from pixelwise.core.pictures.bands import view_of
from pixelwise.core.types import BANDS, IMAGE, Channel, FileIds, Labels, RGBImage
from pixelwise.data.bands import BandsFile, BandsView
from pixelwise.data.class_map import ClassMap
from pixelwise.data.sample_files import ImageFile, Part, read_part

SEMANTIC, GEOMETRIC = "semantic", "geometric"
"""The names of heads; a data set with one head has a semantic one."""

UNKNOWN_IDS = "add the class, or drop the ids with --classes ...,void=ID+ID; 255 is void"
"""The hint where labels hold ids that are not those of classes."""


@dataclass(frozen=True)
class Entry:
    """The parts of one sample; their files may be missing, which the audit reports."""

    id: str
    image: Part[RGBImage]
    labels: Mapping[str, Part[FileIds]]
    channels: Mapping[str, Part[Channel]] = field(default_factory=dict)
    labelled: frozenset[int] | None = None
    """The classes of the main head that are labelled in this sample, if not all are."""

    @property
    def has_bands(self) -> bool:
        """Whether all bands of the picture can be read."""
        return BANDS in self.channels or isinstance(self.image, ImageFile)

    def with_bands(self, first: Path) -> "Entry":
        """The sample with its bands as a channel, and with their view as its picture. `first`: the data set's
        first picture, whose bands are like those of all others.
        """
        bands = self.channels.get(BANDS) or BandsFile(self.image.path, first)
        return replace(self, image=BandsView(bands), channels={**self.channels, BANDS: bands})


@dataclass(frozen=True)
class Sample:
    """One labelled image: `image` (H, W, 3) RGB, `heads` (H, W) class ids with VOID = 255 by head, the main
    one first, `channels` (H, W, K) uint8, uint16 or float32 by name.
    """

    id: str
    image: RGBImage
    heads: Mapping[str, Labels]
    channels: Mapping[str, Channel] = field(default_factory=dict)

    @property
    def labels(self) -> Labels:
        """(H, W) class ids of the main head."""
        return next(iter(self.heads.values()))

    def stacked(self, inputs: Sequence[str]) -> Channel:
        """(H, W, K): the image, called "image", and channels stacked in this order; uint8 if all are."""
        parts = [self.image if name == IMAGE else self.channels[name] for name in inputs]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)


@dataclass(frozen=True)
class LabelledImages:
    """A split of a data set. `name` is how the user asked for it, for messages.

    `heads` has the classes of each head, the main one first; `channels` names those read with every sample.
    """

    name: str
    entries: tuple[Entry, ...]
    heads: Mapping[str, ClassMap]
    channels: tuple[str, ...] = ()

    @property
    def class_map(self) -> ClassMap:
        """The map of the main head."""
        return next(iter(self.heads.values()))

    @property
    def classes(self) -> Classes:
        """The classes of the main head."""
        return self.class_map.classes

    @property
    def sizes(self) -> dict[str, int]:
        """The number of classes of each head."""
        return {name: len(class_map.classes) for name, class_map in self.heads.items()}

    def __len__(self) -> int:
        return len(self.entries)

    def only(self, ids: Collection[str], name: str) -> "LabelledImages":
        """The part with these ids, in the split's order. `name` says where they are from, for messages.

        Raises DataError if the split lacks one of them.
        """
        unknown = set(ids) - {entry.id for entry in self.entries}
        if unknown:
            raise DataError(
                f"{name} names ids that {self.name} does not have: {len(unknown)}, such as {min(unknown)}",
                "an id is a file's name without its ending",
            )
        entries = tuple(entry for entry in self.entries if entry.id in ids)
        return replace(self, name=f"{self.name} ({name})", entries=entries)

    def read(self, index: int) -> Sample:
        """Raises DataError, naming the file, if one is missing or broken, sizes differ, or an id is out of
        range.
        """
        entry = self.entries[index]
        channels = {name: read_part(entry.channels[name]) for name in self.channels}
        image = view_of(channels[BANDS]) if BANDS in channels else read_part(entry.image)
        for name, channel in channels.items():
            _expect_size(entry.channels[name].path, channel.shape[:2], entry.image.path, image.shape[:2])
        heads = self.read_labels(index)
        for name, labels in heads.items():
            _expect_size(entry.labels[name].path, labels.shape, entry.image.path, image.shape[:2])
        return Sample(entry.id, image, heads, channels)

    def read_labels(self, index: int) -> dict[str, Labels]:
        """The labels by head, without the image. Raises DataError as `read` does."""
        heads = {}
        for name, class_map in self.heads.items():
            part = self.entries[index].labels[name]
            ids = read_part(part)
            if unknown := class_map.unknown(ids):
                raise DataError(
                    f"{part.path} holds the {class_map.listed(unknown)}, "
                    f"but only {class_map.listed(class_map.known)} are known",
                    UNKNOWN_IDS,
                )
            heads[name] = class_map.apply(ids)
        return heads

    def select(self, classes: str) -> "LabelledImages":
        """The data with classes of the main head selected, merged or dropped: see `parse_classes`."""
        main = next(iter(self.heads))
        return replace(self, heads={**self.heads, main: self.class_map.select(classes)})

    def with_head(self, name: str) -> "LabelledImages":
        """The data with the labels of this head only. Raises DataError if the data set does not have it."""
        if name not in self.heads:
            raise DataError(f'{self.name} has no head "{name}"', f"heads: {', '.join(self.heads)}")
        return replace(self, name=f"{self.name} ({name})", heads={name: self.heads[name]})

    def with_heads(self, *names: str) -> "LabelledImages":
        """The data with the labels of these heads, the first as the main one. Raises DataError if the data
        set lacks one.
        """
        for name in names:
            self.with_head(name)
        return replace(self, heads={name: self.heads[name] for name in names})

    def part(self, number: int, of: int) -> "LabelledImages":
        """The part with this number, from 0, of `of` parts, in the split's order; it may be empty."""
        first, stop = (len(self) * i // of for i in (number, number + 1))
        return replace(self, entries=self.entries[first:stop])

    def with_inputs(self, *inputs: str) -> "LabelledImages":
        """The data with the extra channels among these inputs of a net; one input may be the image."""
        return self.with_channels(*(name for name in inputs if name != IMAGE))

    def with_channels(self, *names: str) -> "LabelledImages":
        """The data with these extra channels in every sample. Raises DataError if the data set lacks one.

        "bands" are the channels of the picture itself, as many and as deep as its file holds; the picture is
        then a view of them.
        """
        if BANDS in names:
            return self._with_bands()._with_own_channels(names)
        return self._with_own_channels(names)

    def _with_bands(self) -> "LabelledImages":
        """The data with the pictures' own bands as the channel BANDS, where the pictures are files."""
        if not all(entry.has_bands for entry in self.entries):
            return self
        first = self.entries[0].image.path
        return replace(self, entries=tuple(entry.with_bands(first) for entry in self.entries))

    def _with_own_channels(self, names: tuple[str, ...]) -> "LabelledImages":
        everywhere = [set(entry.channels) for entry in self.entries] or [set(names)]
        offered = set.intersection(*everywhere)
        if missing := [name for name in names if name not in offered]:
            there = (
                f"channels: {', '.join(sorted(offered))}"
                if offered
                else "this data has images and labels only"
            )
            raise DataError(f"{self.name} has no channel {', '.join(missing)}", there)
        return replace(self, channels=names)


def _expect_size(path: Path, size: tuple[int, ...], image: Path, image_size: tuple[int, ...]) -> None:
    if size != image_size:
        raise DataError(
            f"{path} is {size[1]} x {size[0]} pixels, its image {image} {image_size[1]} x {image_size[0]}",
            "label files must have exactly the size of their image",
        )
