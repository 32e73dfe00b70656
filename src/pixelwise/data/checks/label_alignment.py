"""Detect labels that do not fit their images: borders between labels should be edges of the image.

For each sample, on reduced copies, the gradients of the image, relative to those of its surroundings, are
correlated with the borders between labels, in strength and in direction: unchanged, mirrored, turned,
transposed, and moved by every offset. On 500 VOC images (voc_animals, train) 0.8% of the labels are
suspected, and 90% of them after a swap with another label of the same size; on CamVid's 367 0.3% and 81%.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.pictures.label_pictures import borders
from pixelwise.core.types import FileIds, RGBImage
from pixelwise.data.checks.sample_check import Finding

_SIDE = 96  # longer side of the reduced copies, in cells
_TURNS = {
    "mirrored left to right": (False, 1, -1),
    "upside down": (False, -1, 1),
    "turned by 180 degrees": (False, -1, -1),
    "turned by a quarter, counterclockwise": (True, -1, 1),
    "turned by a quarter, clockwise": (True, 1, -1),
    "transposed (rows as columns)": (True, 1, 1),
    "transposed along the other diagonal": (True, -1, -1),
}
"""Possible transformations of labels: whether rows became columns, and the direction of rows and columns."""
_FAR = 2  # cells; smaller offsets are as small as the errors of careless outlines
_FEW = 12  # fewer samples allow no conclusion about a split
_DOUBTFUL = 2.5  # standard deviations above the mean of all offsets
_SURROUNDINGS = 3  # cells on each side

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Alignment:
    """The correlation between the borders of labels and the edges of their image.

    lying: without a transformation. turned: by the names of turns. offset: (rows, columns) in cells by which
    labels would have to be moved for the best correlation. strength: by how many standard deviations the
    correlation without an offset, or with one of a cell, is above the mean over all offsets. cell: width of a
    cell in pixels.
    """

    lying: float
    turned: Mapping[str, float]
    offset: tuple[int, int]
    strength: float
    cell: int


def reduced(image: RGBImage) -> Image.Image:
    """A small copy of a picture (H, W, 3): means of square cells, about 96 along the longer side."""
    return Image.fromarray(image).reduce(_cell(image.shape[:2]))


def align(small: Image.Image, ids: FileIds) -> Alignment | None:
    """The alignment of an image, reduced, and its ids (H, W); None if either has no edges."""
    cell = _cell(ids.shape)
    if min(small.size) < 8:
        return None
    edges = _unit(_edges(np.asarray(small.convert("L"), np.float32)))
    lines = _unit(_lines(np.asarray(Image.fromarray(borders(ids)).reduce(cell), np.float32)))
    if edges is None or lines is None:
        return None
    square = ids.shape[0] == ids.shape[1]
    turned = {
        name: float((edges * _undone(lines, *turn)).sum())
        for name, turn in _TURNS.items()
        if square or not turn[0]
    }
    spectra = [np.fft.fft2(field[0] + 1j * field[1]) for field in (edges, lines)]
    moved = np.fft.ifft2(spectra[0] * np.conj(spectra[1])).real
    best = np.unravel_index(int(moved.argmax()), moved.shape)
    down, right = (
        int((place + length // 2) % length - length // 2)
        for place, length in zip(best, moved.shape, strict=True)
    )
    near = max(float(moved[i, j]) for i in (-1, 0, 1) for j in (-1, 0, 1))
    strength = (near - float(moved.mean())) / float(moved.std())
    return Alignment(float(moved[0, 0]), turned, (down, right), strength, cell)


def suspicions(alignments: Sequence[Alignment | None]) -> list[Finding]:
    """Suspicions about the split, or about its samples, most doubtful first, from alignments by index."""
    places = [place for place, found in enumerate(alignments) if found is not None]
    found = [alignment for alignment in alignments if alignment is not None]
    if len(found) < _FEW:
        return []
    if turn := _common_turn(found):
        return [Finding("misaligned", f"the labels look {turn}: turned back, their borders fit better")]
    offsets = np.array([alignment.offset for alignment in found])
    common = np.median(offsets, axis=0)
    agreeing = np.abs(offsets - common).max(axis=1) <= 1
    if np.abs(common).max() >= _FAR and agreeing.mean() > 0.5:
        down, right = -common * np.median([alignment.cell for alignment in found])
        ways = (down, "down" if down > 0 else "up"), (right, "to the right" if right > 0 else "to the left")
        parts = [f"{abs(pixels):.0f} pixels {way}" for pixels, way in ways if abs(pixels) >= 0.5]
        message = f"the labels look moved by about {' and '.join(parts)}"
        return [Finding("misaligned", f"{message}, in {agreeing.mean():.0%} of the samples")]
    if (np.abs(offsets).max(axis=1) <= 1).mean() < 0.3:
        return []  # if labels do not follow edges, no conclusion about single samples is possible
    doubtful = sorted(
        (alignment.strength, place, alignment)
        for place, alignment in zip(places, found, strict=True)
        if alignment.strength < _DOUBTFUL and max(map(abs, alignment.offset)) > _FAR
    )
    if not doubtful:
        return []
    message = "borders of labels and edges of the image do not meet; is this the label of another image?"
    if turn := _common_turn([alignment for *_, alignment in doubtful]):
        message = (
            f"borders of labels and edges of the image do not meet; these labels look {turn}: "
            "was the EXIF orientation applied to the image only, or to the label only?"
        )
    return [Finding("misaligned", message, tuple(place for _, place, _ in doubtful))]


def _common_turn(found: Sequence[Alignment]) -> str | None:
    """The turn whose inverse makes labels fit their images best, if this is significant."""
    gains: dict[str, float] = {}
    for turn in _TURNS:
        gain = np.array([one.turned[turn] - one.lying for one in found if turn in one.turned])
        if len(gain) >= _FEW and gain.mean() > 4 * gain.std() / np.sqrt(len(gain)):
            gains[turn] = float(gain.mean())
    return max(gains, key=gains.__getitem__, default=None)


def _undone(lines: Floats, swapped: bool, down: int, right: int) -> Floats:
    """Borders of labels (2, H, W) as they were before labels were transposed, if `swapped`, and mirrored."""
    straight = lines[:, ::down, ::right].copy()
    straight[1] *= down * right
    if not swapped:
        return straight
    turned = straight.transpose(0, 2, 1)
    turned[0] *= -1  # rows and columns change places
    return turned


def _cell(shape: tuple[int, ...]) -> int:
    """The width of a cell in pixels, in a picture of this shape."""
    return max(1, round(max(shape) / _SIDE))


def _edges(grey: Floats) -> Floats:
    """(2, H, W) edges of a picture: gradients relative to the mean length of those around."""
    field, squares = _doubled(grey)
    steepness = np.sqrt(squares)
    around = _box_sum(steepness, _SURROUNDINGS) / _box_sum(np.ones_like(steepness), _SURROUNDINGS)
    field /= (steepness + 1e-6) * (around + 5)
    return field


def _lines(density: Floats) -> Floats:
    """(2, H, W) borders of labels, from the share they have of each cell: that share, in the direction in
    which it changes around the cell.
    """
    field, squares = _doubled(density)
    return density * _box_sum(field, 1) / (_box_sum(squares, 1) + 1e-6)


def _doubled(values: Floats) -> tuple[Floats, Floats]:
    """(2, H, W) gradients with doubled angle and squared length, so that an edge from dark to bright equals
    one from bright to dark; and (H, W) their length.
    """
    rows, columns = (np.gradient(values, axis=axis) for axis in (0, 1))
    across, along = columns * columns, rows * rows
    doubled: Floats = np.stack([across - along, 2 * rows * columns])
    return doubled, across + along


def _box_sum(values: Floats, radius: int) -> Floats:
    """(..., H, W) sums over windows of 2 * radius + 1 cells a side, cut at the border."""
    for axis in (-2, -1):
        source = np.moveaxis(values, axis, 0)
        total = source.copy()
        for k in range(1, radius + 1):
            total[k:] += source[:-k]
            total[:-k] += source[k:]
        values = np.moveaxis(total, 0, axis)
    return values


def _unit(field: Floats) -> Floats | None:
    """The values minus their mean, scaled to length 1; None if they are constant."""
    centred = field - field.mean((1, 2), keepdims=True)
    length = float(np.linalg.norm(centred))
    return centred / length if length > 1e-9 else None
