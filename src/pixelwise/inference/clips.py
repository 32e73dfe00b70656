"""A dense CRF over space and time: the labels of a clip's frames pulled to what moves and what stays.

Pixels are alike by place, frame and colour; the discussion of DeepLab v1 names video as a next step. A clip
is a folder of frames in the order of their names and of the numbers in them, and a folder of label files
called as the frames are, NAME.png, or as `pixelwise segment` calls its masks, NAME_mask.png.
"""

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.core.files import write_atomically
from pixelwise.core.pictures.endings import IMAGE_SUFFIXES
from pixelwise.core.pictures.reading import fitting
from pixelwise.core.terminal import counted, printable
from pixelwise.core.types import VOID, Labels, RGBImage
from pixelwise.crf import Bilateral, DenseCRF, Gaussian, LatticeTooLarge, Preset, unary_from_labels
from pixelwise.data.sample_files import ImageFile, read_ids
from pixelwise.data.sources.folder import by_stem
from pixelwise.inference.crf_refiner import MOST_BYTES, most_vertices, refining_bytes
from pixelwise.inference.external_results import CONFIDENCE, palette_of
from pixelwise.inference.probabilities import Beliefs, labels_of, scores_of
from pixelwise.inference.results.drawing import resized

_MASK = "_mask"
_WHOLE_NUMBER = re.compile(r"(?<!\d\.)(?<!\d)(\d+)")
FRAMES_APART = 3.0
"""The standard deviation of time, in frames."""

Moment = tuple[RGBImage, Labels]
"""A frame (H, W, 3) and its labels (H, W)."""


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip in files. pictures, maps: those of frames and labels, in order. size: (height, width) of each.
    ids: the classes of all labels, in order, without VOID. palette: of the first label file, r, g, b in turn,
    if it has one.
    """

    names: tuple[str, ...]
    pictures: tuple[Path, ...]
    maps: tuple[Path, ...]
    size: tuple[int, int]
    ids: tuple[int, ...]
    palette: list[int] | None = None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, number: int) -> Moment:
        """The labels have VOID where unknown. Raises DataError for files that have changed."""
        picture, map_ = self.pictures[number], self.maps[number]
        frame, labels = ImageFile(picture).read(), read_ids(map_)
        for path, found in ((picture, frame.shape[:2]), (map_, labels.shape)):
            _expect_size(path, found, self.size)
        if new := sorted(set(np.unique(labels).tolist()) - {*self.ids, VOID}):
            raise DataError(f"{printable(map_)} has changed: it holds {new[0]} now", "start again")
        return frame, labels


def open_clip(frames: Path, labels: Path) -> Clip:
    """The clip of two folders. Raises DataError if a frame has no labels, sizes differ, a file cannot be
    read, or no pixel has a label.
    """
    for folder in (frames, labels):
        if not folder.is_dir():
            raise DataError(
                f"{printable(folder)} is not a folder", "a clip is a folder of frames and a folder of labels"
            )
    pictures, maps = by_stem(frames, IMAGE_SUFFIXES), by_stem(labels, IMAGE_SUFFIXES)
    if not pictures:
        raise DataError(f"no pictures in {printable(frames)}", "save the frames of the video there")
    names = sorted(pictures, key=_place_in_time)
    own = {name: name if name in maps else f"{name}{_MASK}" for name in names}
    if missing := [name for name in names if own[name] not in maps]:
        raise DataError(
            f"no labels in {printable(labels)} for {counted(len(missing), 'frame')}, such as "
            f"{printable(missing[0])}",
            f"name the label files like the frames, optionally with {_MASK} at the end",
        )
    first = ImageFile(pictures[names[0]]).read()
    size, ids = (first.shape[0], first.shape[1]), set[int]()
    for name in names:
        stored = ImageFile(pictures[name]).size()  # perhaps on its side; `read` looks again
        _expect_size(pictures[name], stored, size if stored == size else size[::-1])
        given = read_ids(maps[own[name]])
        _expect_size(maps[own[name]], given.shape, size)
        ids |= set(np.unique(given).tolist())
    if not ids - {VOID}:
        raise DataError(
            "the clip has no label: all pixels are 255, which is void", "label some of its pixels"
        )
    files = [maps[own[name]] for name in names]
    return Clip(
        tuple(names),
        tuple(pictures[name] for name in names),
        tuple(files),
        size,
        tuple(sorted(ids - {VOID})),
        palette_of(files[0]),
    )


def _place_in_time(name: str) -> tuple[list[str | int], str]:
    """What orders names as people count them: frame 2 before frame 10, and second 0.15 before 0.2."""
    return [int(part) if part.isdecimal() else part for part in _WHOLE_NUMBER.split(name)], name


def _expect_size(path: Path, found: tuple[int, ...], size: tuple[int, ...]) -> None:
    if tuple(found) != size:
        raise DataError(
            f"{printable(path)} is {found[1]} x {found[0]} pixels, the first frame {size[1]} x {size[0]}",
            "all frames and labels of a clip must have one size",
        )


class ClipRefiner:
    """The CRF over x, y, t and colour, for parts of a clip with the frames around them.

    preset: widths in pixels and grey levels, weights and iterations. frames_apart: the width of time. Frames
    are reduced so that a part takes at most MOST_BYTES.
    """

    def __init__(
        self,
        clip: Clip,
        preset: Preset,
        confidence: float = CONFIDENCE,
        threads: int | None = None,
        frames_apart: float = FRAMES_APART,
    ) -> None:
        self._clip, self._preset, self._confidence = clip, preset, confidence
        self._threads, self._frames_apart = threads, frames_apart
        self._around = int(np.ceil(2 * frames_apart))
        fewest = min(len(clip), 3 * self._around)  # a third of them new
        excess = fewest * refining_bytes(clip.size, len(clip.ids)) / MOST_BYTES
        self.grid = (
            clip.size if excess <= 1 else fitting(clip.size, max(1, int(max(clip.size) / excess**0.5)))
        )
        """(height, width) of the frames that the CRF sees, if their colours do not vary too much."""
        self.smallest = self.grid
        """The smallest that it saw so far."""
        self._most = max(fewest, MOST_BYTES // refining_bytes(self.grid, len(clip.ids)))
        self._held: dict[int, Moment] = {}

    def parts(self, start: int = 0) -> Iterator[npt.NDArray[np.uint8]]:
        """(T, H, W) refined labels of the frames that begin at `start`, part by part; ids are those of the
        clip. They are those of a run from the first frame if a part of it began at `start`.

        Raises DataError if a file cannot be read.
        """
        count = len(self._clip)
        length = count if count <= self._most else self._most - 2 * self._around
        for first in range(start, count, length):
            yield self._part(first, min(count, first + length))

    def _part(self, start: int, stop: int) -> npt.NDArray[np.uint8]:
        ids = np.array(self._clip.ids, np.uint8)
        if len(ids) == 1:
            return np.full((stop - start, *self._clip.size), ids[0])
        first, last = max(0, start - self._around), min(len(self._clip), stop + self._around)
        moments = self._read(first, last)
        grid = self.grid
        while True:
            try:
                beliefs = self._refined(moments)
                break
            except LatticeTooLarge:
                grid = fitting(grid, max(1, int(max(grid) / 2**0.5)))
                moments = [_at(moment, grid) for moment in moments]
        self.smallest = min(self.smallest, grid)
        refined = np.empty((stop - start, *self._clip.size), np.uint8)
        for place in range(start, stop):
            scores = scores_of(np.ascontiguousarray(beliefs[:, place - first]))
            refined[place - start] = ids[labels_of(scores, self._clip.size)[0]]
        return refined

    def _read(self, first: int, last: int) -> list[Moment]:
        """On the grid. Frames of the part before are not read again."""
        self._held = {
            number: self._held[number] if number in self._held else _at(self._clip.read(number), self.grid)
            for number in range(first, last)
        }
        return list(self._held.values())

    def _refined(self, moments: list[Moment]) -> Beliefs:
        """(C, T, h, w)"""
        frames = np.stack([frame for frame, _ in moments])
        labels = np.stack([labels for _, labels in moments])
        places = np.searchsorted(self._clip.ids, labels.clip(max=self._clip.ids[-1])).astype(np.uint8)
        places[labels == VOID] = VOID
        count, height, width = labels.shape
        sized = self._preset.for_size((height, width))
        near = (self._frames_apart, sized.theta_gamma, sized.theta_gamma)
        wide = (self._frames_apart, sized.theta_alpha, sized.theta_alpha)
        classes = len(self._clip.ids)
        crf = DenseCRF(
            unary_from_labels(places, classes, self._confidence, VOID),
            (
                Gaussian(near, sized.w2, sized.normalization),
                Bilateral(frames, wide, sized.theta_beta, sized.w1, sized.normalization),
            ),
            threads=self._threads,
            most_vertices=most_vertices((height, width * count), classes),
        )
        crf.step(sized.iterations)
        return crf.q


def _at(moment: Moment, grid: tuple[int, int]) -> Moment:
    """In another size."""
    frame, labels = moment
    if labels.shape == grid:
        return moment
    picture = Image.fromarray(labels).resize((grid[1], grid[0]), Image.Resampling.NEAREST)
    return resized(frame, grid), np.array(picture)


class UnfinishedClip:
    """How many frames of a folder of refined labels are finished, in a file of that folder, until all are.

    settings: all that the labels depend on.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        self._file = folder / ".unfinished"
        self._identity = hashlib.sha256(settings.encode()).hexdigest()

    def done(self, files: Sequence[Path]) -> int | None:
        """How many of these; None for a folder of other settings or files, or one that was finished."""
        try:
            identity, _, count = self._file.read_text().partition(" ")
        except (OSError, UnicodeDecodeError):
            return None
        if identity != self._identity or not count.isdecimal():
            return None
        done = int(count)
        return done if done <= len(files) and all(path.exists() for path in files[:done]) else None

    def record(self, done: int) -> None:
        """Raises ImageError if the folder cannot be written into."""
        write_atomically(self._file, lambda file: file.write(f"{self._identity} {done}".encode()))

    def end(self) -> None:
        self._file.unlink(missing_ok=True)
