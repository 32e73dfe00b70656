"""What every data set gives: pairs of an image and a label file, read one at a time."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pixelwise.data.class_map import ClassMap
from pixelwise.errors import DataError
from pixelwise.labels import Classes
from pixelwise.types import Labels, RGBImage

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Pair:
    """Where one sample's files are; they need not exist yet (the audit looks)."""

    id: str
    image: Path
    label: Path


@dataclass(frozen=True)
class Sample:
    """One labelled image: `image` (H, W, 3) RGB, `labels` (H, W) class ids with VOID = 255."""

    id: str
    image: RGBImage
    labels: Labels


@dataclass(frozen=True)
class LabelledImages:
    """A split of a data set. `name` is how the user asked for it, for messages."""

    name: str
    pairs: tuple[Pair, ...]
    class_map: ClassMap

    @property
    def classes(self) -> Classes:
        return self.class_map.classes

    def __len__(self) -> int:
        return len(self.pairs)

    def only(self, ids: Collection[str], name: str) -> "LabelledImages":
        """The part with these ids, in the split's order. `name` says where they are from, for messages.

        Raises DataError if the split lacks one of them.
        """
        unknown = set(ids) - {pair.id for pair in self.pairs}
        if unknown:
            raise DataError(
                f"{name} names {len(unknown)} ids that {self.name} does not have, {min(unknown)} for one",
                "an id is a file's name without its ending",
            )
        pairs = tuple(pair for pair in self.pairs if pair.id in ids)
        return LabelledImages(f"{self.name} ({name})", pairs, self.class_map)

    def read(self, index: int) -> Sample:
        """Raises DataError, naming the file, if one is missing or broken, sizes differ, or an id is out of
        range.
        """
        pair = self.pairs[index]
        image, labels = read_rgb(pair.image), self.read_labels(index)["semantic"]
        if image.shape[:2] != labels.shape:
            raise DataError(
                f"{pair.label} is {labels.shape[1]} x {labels.shape[0]} pixels, "
                f"its image {pair.image} {image.shape[1]} x {image.shape[0]}",
                "label files must have exactly the size of their image",
            )
        return Sample(pair.id, image, labels)

    def read_labels(self, index: int) -> dict[str, Labels]:
        """The labels by head, without the image. Raises DataError as `read` does."""
        pair = self.pairs[index]
        ids = read_ids(pair.label)
        unknown = self.class_map.unknown(np.flatnonzero(np.bincount(ids.ravel(), minlength=256)))
        if unknown:
            raise out_of_range(pair.label, unknown, self.class_map)
        return {"semantic": self.class_map.apply(ids)}


def read_list(path: Path) -> frozenset[str]:
    """The ids in a text file, separated by blanks or lines. DataError if there is no such file or no id."""
    try:
        ids = frozenset(path.read_text(encoding="utf-8-sig").split())
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise DataError(f"the list {path} cannot be read: {reason}") from None
    if not ids:
        raise DataError(f"the list {path} is empty", "write one id per line")
    return ids


def out_of_range(path: Path, ids: list[int], class_map: ClassMap) -> DataError:
    """The error for a label file with ids that should not occur."""
    known = [id_ for id_ in range(256) if id_ not in class_map.unknown([id_])]
    return DataError(
        f"{path} holds the ids {listed(ids)}, but only {listed(known)} are known",
        "add the class, or drop the ids with --classes ...,void=ID+ID; 255 is void",
    )


def listed(ids: list[int]) -> str:
    """Ids as ranges: "0 to 20, 255"."""
    runs: list[list[int]] = []
    for id_ in ids:
        if runs and id_ == runs[-1][-1] + 1:
            runs[-1].append(id_)
        else:
            runs.append([id_])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


def read_rgb(path: Path) -> RGBImage:
    """(H, W, 3) uint8, upright as the EXIF orientation says, which is how labels are expected to lie."""
    with _opened(path, "image") as image:
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def read_ids(path: Path) -> Labels:
    """(H, W) uint8 ids of a label file: a palette or grey PNG whose pixel values are ids."""
    with _opened(path, "label") as image:
        if image.format == "JPEG":
            raise DataError(f"{path} is a JPEG, whose compression alters ids", "save labels as PNG")
        if image.mode in ("L", "P"):
            return np.array(image)
        if image.mode == "1":
            return np.array(image).astype(np.uint8)
        if image.mode in ("I;16", "I"):
            wide = np.array(image)
            if wide.min() >= 0 and wide.max() <= 255:
                return wide.astype(np.uint8)
            raise DataError(f"{path} holds ids up to {wide.max()}", "ids must lie in 0 to 255; 255 is void")
        raise DataError(
            f"{path} has mode {image.mode}, which is no map of ids",
            "save labels as palette (P) or grey (L) PNG in which a pixel's value is its class id",
        )


def _opened(path: Path, kind: str) -> Image.Image:
    try:
        image = Image.open(path)
        try:
            image.load()
        except BaseException:
            image.close()
            raise
    except FileNotFoundError:
        raise DataError(f"the {kind} {path} does not exist") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"the {kind} {path} cannot be read: {error}", "replace or remove the file") from None
    return image
