"""Read segmentations from other programs, to refine them: labels, probabilities or scores."""

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.classes import RGB, Classes, voc_palette
from pixelwise.core.errors import ArgumentError, DataError
from pixelwise.core.files import open_file
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.opening import opened
from pixelwise.core.pictures.reading import Photo, read_photo, turn_of_file
from pixelwise.core.terminal import printable, reason_of
from pixelwise.core.types import VOID, Labels, RGBImage, Scores
from pixelwise.crf.shapes import array_advice, fits, shape_fault
from pixelwise.data.formats.npy_arrays import read_array
from pixelwise.data.sample_files import read_ids
from pixelwise.inference.crf_refiner import Refiner, refined, refined_photo, reserved_bytes
from pixelwise.inference.probabilities import Beliefs, probabilities_of
from pixelwise.inference.segmentation import Segmentation

_FIRST_LOOK = 2048  # pixels; most pictures are refined at this size or below, so that they are read once
_WRITTEN = 'write such files with "pixelwise segment --save probabilities"'
CONFIDENCE = 0.7
"""In given labels, if nobody names another."""

ARRAYS = (".npz", ".npy")
"""The endings of files of probabilities or scores; others are labels."""

_TURNING = {
    Image.Transpose.TRANSPOSE: "array.swapaxes(-1, -2)",
    Image.Transpose.ROTATE_270: "np.rot90(array, -1, (-2, -1))",
    Image.Transpose.TRANSVERSE: "np.rot90(array, 2, (-2, -1)).swapaxes(-1, -2)",
    Image.Transpose.ROTATE_90: "np.rot90(array, 1, (-2, -1))",
}
"""What turns labels (H, W) or probabilities (C, h, w) as these turn a picture, rows to columns."""

_BEFORE_SOFTMAX = ("scores", "logits")
_BESIDE = ("classes", "palette")
_MOST_NAMED = 10
_MOST_BYTES = 800_000_000  # of these arrays together
_FLOOR = 1e-8  # float16 has no smaller probability


@dataclass(frozen=True)
class GivenLabels:
    """(H, W) ids. A label is right with probability `confidence`; VOID gives all classes the same
    probability.

    classes: those that occur, named by their ids, `ids` (K,) in the file. palette: the file's, if it has one.
    """

    labels: Labels
    ids: Labels
    classes: Classes
    palette: list[int] | None
    confidence: float

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W)."""
        return self.labels.shape

    @cached_property
    def file_classes(self) -> Classes:
        """A class for each id up to the largest of the file, named by it, in the colours of the palette."""
        count = int(self.ids[-1]) + 1
        colours = voc_palette(count)
        if self.palette is not None:
            red, green, blue = (self.palette[channel : 3 * count : 3] for channel in range(3))
            colours = tuple(zip(red, green, blue, strict=True))
        return Classes.named([str(id_) for id_ in range(count)], colours)

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether they are labels of a picture of this size."""
        return self.labels.shape == size

    def probabilities(self, size: tuple[int, int]) -> Beliefs:
        """(K, *size) probabilities: on a smaller grid, the mean over the pixels of each cell."""
        shares: Beliefs = np.stack([self._share(id_, size) for id_ in self.ids])
        known: Beliefs = shares.sum(axis=0)
        others = max(1, len(self.ids) - 1)
        sure = self.confidence if len(self.ids) > 1 else 1.0
        shares *= np.float32(sure - (1 - sure) / others)
        shares += known * np.float32((1 - sure) / others) + (1 - known) / np.float32(len(self.ids))
        return shares

    def _share(self, id_: int, size: tuple[int, int]) -> npt.NDArray[np.float32]:
        plane: Beliefs = (self.labels == id_).astype(np.float32)
        if self.labels.shape == size:
            return plane
        return np.asarray(Image.fromarray(plane).resize((size[1], size[0]), Image.Resampling.BOX))


@dataclass(frozen=True)
class GivenScores:
    """(C, h, w) scores of `classes`."""

    scores: Scores
    classes: Classes

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, h, w)."""
        return self.scores.shape

    def fits(self, size: tuple[int, int]) -> bool:
        """Whether they are of a picture of this size, or of a reduced copy of it."""
        return fits(self.scores.shape, size)

    def probabilities(self, size: tuple[int, int]) -> Beliefs:
        """(C, *size) softmax of the interpolated scores."""
        return probabilities_of(self.scores, size)


Given = GivenLabels | GivenScores


def read_given(path: Path, confidence: float | None = None, array: str | None = None) -> Given:
    """A label file (ids as in data sets, 255 is void), or an .npz file as `Segmentation.save` writes it.

    The latter holds `probabilities` or `scores` (C, h, w), of any size with the shape of the picture, and
    optionally names of `classes` and a `palette` (C, 3). A single array may have any name; of several,
    `array` names the one to take. Arrays called "scores" or "logits" come before the softmax. An .npy file
    holds only probabilities. confidence: in labels, CONFIDENCE by default. Raises DataError, naming the file,
    for anything else; ValueError unless 1/classes < confidence < 1, for a confidence in probabilities, and
    for an `array` of another file than .npz.
    """
    ending = path.suffix.lower()
    if confidence is not None and ending in ARRAYS:
        raise ArgumentError(
            "confidence", f"confidence is for labels, and {printable(path)} holds probabilities; leave it out"
        )
    if array is not None and ending != ".npz":
        raise ArgumentError("array", f"array is for .npz files, got {printable(path)}; leave it out")
    if ending in ARRAYS:
        return _read_scores(path, array)
    return _read_labels(path, CONFIDENCE if confidence is None else confidence)


def refine_given(photo_path: Path, given: Given, refiner: Refiner) -> Segmentation:
    """The refined segmentation of the picture, at its own size or on a reduced copy as in Predictor.

    Raises DataError if their sizes do not fit.
    """
    photo, closer = fitting_photo(photo_path, given)
    grid = closer.shape[0], closer.shape[1]
    with PICTURES.reserve(reserved_bytes(grid, len(given.classes))):
        scores, shown = refined(refiner, closer, given.probabilities(grid))
    result = Segmentation(scores, photo.size, given.classes, shown, photo.original, photo.size, photo.notes)
    result.file_ids = given if isinstance(given, GivenLabels) else None
    return result


def fitting_photo(photo_path: Path, given: Given) -> tuple[Photo, RGBImage]:
    """The picture, and the copy of it that is refined. Raises DataError if its size does not fit."""
    photo = read_photo(photo_path, _FIRST_LOOK)
    if not given.fits(photo.size):
        message, hint = shape_fault(given.shape, photo.size)
        if given.fits(photo.size[::-1]) and (turning := _turning(photo_path)):
            hint = f"turn them as the picture's EXIF orientation turns it: {turning}"
        raise DataError(f"{printable(photo_path)}, upright as its EXIF orientation says: {message}", hint)
    return photo, refined_photo(photo_path, photo, len(given.classes))


def _turning(photo_path: Path) -> str | None:
    turn = turn_of_file(photo_path)
    return None if turn is None else _TURNING.get(turn)


def _read_labels(path: Path, confidence: float) -> GivenLabels:
    labels = read_ids(path)
    ids = np.unique(labels[labels != VOID])
    if ids.size == 0:
        raise DataError(
            f"{printable(path)} has no label: all its pixels are {VOID}, which is void",
            "save masks whose values are ids, such as 1 for the foreground",
        )
    if ids.tolist() == [0] and VOID in labels:
        raise DataError(
            f"{printable(path)} has only the ids 0 and {VOID}, which is void, so there is nothing to decide",
            f"if {VOID} is an object, save it as 1",
        )
    if ids.size > 1 and not 1 / ids.size < confidence < 1:
        raise ArgumentError(
            "confidence",
            f"confidence must be above 1/classes (here {1 / ids.size:.3g}) and below 1, got {confidence}",
        )
    return GivenLabels(labels, ids, Classes.named([str(id_) for id_ in ids]), palette_of(path), confidence)


def palette_of(path: Path) -> list[int] | None:
    """The palette of a label file, of 256 colours as r, g, b in turn; None if it is grey."""
    with opened(path, printable(path)) as image:
        palette: list[int] | None = image.getpalette("RGB") if image.mode == "P" else None
    if palette is not None:  # Pillow packs ids into as few bits as a short palette needs
        palette += [channel for color in voc_palette()[len(palette) // 3 :] for channel in color]
    return palette


def _read_scores(path: Path, array: str | None) -> GivenScores:
    if path.suffix.lower() == ".npy":
        content, name = {"probabilities": _array(path)}, "probabilities"
    else:
        content, name = _arrays(path, array)
    values = content[name]
    if values.ndim != 3 or values.size == 0 or values.dtype.kind != "f" or values.shape[0] >= VOID:
        raise DataError(
            f"{printable(path)}: {printable(name)} must be (classes, height, width) floats of up to "
            f"{VOID - 1} classes, got {values.shape} of {values.dtype}",
            array_advice(values.shape, values.dtype.kind == "f") or _WRITTEN,
        )
    with np.errstate(over="ignore"):
        scores = np.ascontiguousarray(values, np.float32)
    if not np.isfinite(scores).all():
        raise DataError(
            f"{printable(path)}: {printable(name)} hold NaN, infinite or too large numbers",
            "replace them first",
        )
    if name not in _BEFORE_SOFTMAX:
        with np.errstate(over="ignore"):
            total = scores.sum(axis=0)
        if scores.min() < 0 or abs(total - 1).max() > 0.05:
            raise DataError(
                f"{printable(path)}: the probabilities of a pixel must be at least 0 and add up to 1, here "
                f"they start at {scores.min():.3g} and add up to {total.min():.3g} to {total.max():.3g}",
                array_advice(values.shape, True)
                or 'if they are scores before the softmax, save them under the name "scores" in an .npz file',
            )
        scores = np.log(np.maximum(scores, _FLOOR))
    try:
        return GivenScores(scores, _classes(content, len(scores)))
    except ValueError as problem:
        raise DataError(f"{printable(path)}: {problem}", _WRITTEN) from None


def _arrays(path: Path, array: str | None) -> tuple[dict[str, npt.NDArray[Any]], str]:
    """The arrays of an .npz file that are needed, and the name of the one with probabilities or scores;
    nothing in the file is executed.
    """
    try:
        with open_file(path) as stream:
            if not zipfile.is_zipfile(stream):
                raise ValueError("it is not an archive of arrays")
            with zipfile.ZipFile(stream) as archive:
                sizes = {entry.filename.removesuffix(".npy"): entry.file_size for entry in archive.infolist()}
            name = _chosen([name for name in sizes if name not in _BESIDE], array, path)
            wanted = [name, *(beside for beside in _BESIDE if beside in sizes)]
            size = sum(sizes[entry] for entry in wanted)
            if size > _MOST_BYTES:
                raise ValueError(f"its arrays take {size:,} bytes, more than the limit of {_MOST_BYTES:,}")
            file = np.load(stream, allow_pickle=False)
            arrays = {entry: file[entry] for entry in wanted}
            for entry, values in arrays.items():
                if not isinstance(values, np.ndarray):  # a member without .npy comes as bytes
                    raise ValueError(f"{printable(entry)} is not an array")
            return arrays, name
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{printable(path)}: no such file", "check its name and place") from None
    except Exception as problem:  # archives are damaged in many ways
        reason = reason_of(problem)
        raise DataError(
            f"{printable(path)} cannot be read as an .npz file: {reason}",
            _WRITTEN,
        ) from None


def _chosen(names: list[str], array: str | None, path: Path) -> str:
    """The array to take. Raises DataError with the names there are if that is not clear."""
    usual = next((name for name in (*_BEFORE_SOFTMAX, "probabilities") if name in names), None)
    chosen = array or usual or (names[0] if len(names) == 1 else None)
    if chosen is not None and chosen in names:
        return chosen
    there = ", ".join(printable(name[:80]) for name in names[:_MOST_NAMED])
    there += ", ..." * (len(names) > _MOST_NAMED)
    if not names:
        raise DataError(f"{printable(path)} holds no array of probabilities or scores", _WRITTEN)
    if array is None:
        raise DataError(f"{printable(path)} holds several arrays: {there}", "name one of them: --array NAME")
    raise DataError(f"{printable(path)} has no array {printable(array[:80])}", f"there are: {there}")


def _array(path: Path) -> npt.NDArray[Any]:
    """The array of an .npy file; nothing in it is executed."""
    try:
        return read_array(path, _MOST_BYTES)
    except (OSError, ValueError, MemoryError) as problem:
        reason = reason_of(problem)
        raise DataError(
            f"{printable(path)} cannot be read as an .npy file: {reason}",
            "write it with numpy.save, an array (classes, height, width) of floats",
        ) from None


def _classes(content: dict[str, npt.NDArray[Any]], count: int) -> Classes:
    """The file's classes; ValueError if their names or colours do not fit `count`."""
    names, palette = content.get("classes"), content.get("palette")
    if names is not None and (names.shape != (count,) or names.dtype.kind != "U"):
        raise ValueError(f"classes must be {count} texts, got {names.shape} of {names.dtype}")
    if palette is not None and (palette.shape != (count, 3) or palette.dtype != np.uint8):
        raise ValueError(f"palette must be ({count}, 3) of uint8, got {palette.shape} of {palette.dtype}")
    colors: tuple[RGB, ...] = voc_palette(count)
    if palette is not None:
        colors = tuple((int(red), int(green), int(blue)) for red, green, blue in palette)
    return Classes.named(tuple(map(str, range(count) if names is None else names)), colors)
