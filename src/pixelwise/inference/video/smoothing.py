"""Smooth what a net says of a video's frames over time: a running mean, or the CRF over space and time."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pixelwise.core.pictures.reading import fitting
from pixelwise.core.types import RGBImage
from pixelwise.crf import Bilateral, DenseCRF, Gaussian, LatticeTooLarge, Preset, unary_from_probabilities
from pixelwise.inference.crf_refiner import MOST_BYTES, most_vertices, refining_bytes
from pixelwise.inference.probabilities import Beliefs, scores_of
from pixelwise.inference.results.drawing import resized
from pixelwise.inference.segmentation import Segmentation

SMOOTHINGS = ("mean", "crf")
"""Names of the ways to smooth."""

_BESIDE = 2
"""Frames on each side of one that its running mean takes in."""

_FRAMES_APART = 1.5
"""The CRF's standard deviation of time, in frames that are segmented."""

_AROUND = math.ceil(2 * _FRAMES_APART)
_TOGETHER = 6
"""Frames that the CRF refines at a time, beside _AROUND on each side."""


HELD = {None: 0, "mean": 2 * _BESIDE + 1, "crf": _TOGETHER + 2 * _AROUND}
"""How many frames each way of smoothing keeps in memory."""


@dataclass(frozen=True)
class Segmented:
    """The result for a frame. number: counted from 0 over the frames that are segmented; index: over all.

    pts: its time, in units of the video's time_base.
    """

    number: int
    index: int
    pts: int
    result: Segmentation

    def seconds(self, time_base: Fraction) -> float:
        return float(self.pts * time_base)


def context(smooth: str | None, first: int) -> int:
    """The first frame that must be segmented, so that `first` and later frames get the same results as in a
    run from the beginning.
    """
    if smooth == "mean":
        return max(0, first - _BESIDE)
    if smooth == "crf":
        return max(0, first // _TOGETHER * _TOGETHER - _AROUND)
    return first


def smoothed(
    results: Iterator[Segmented], smooth: str | None, preset: Preset, threads: int | None = None
) -> Iterator[Segmented]:
    """The results with probabilities smoothed over time, in order.

    A frame of another size than the one before begins a new scene, over whose border nothing is smoothed.
    """
    if smooth is None:
        yield from results
        return
    for scene in _scenes(results):
        yield from _running_mean(scene) if smooth == "mean" else _refined(scene, preset, threads)


def _scenes(results: Iterator[Segmented]) -> Iterator[Iterator[Segmented]]:
    """The results in runs of one size; each has to be read to its end before the next."""
    upcoming: list[Segmented] = []

    def scene(first: Segmented) -> Iterator[Segmented]:
        yield first
        for entry in results:
            if (entry.result.size, entry.result.grid_size) != (first.result.size, first.result.grid_size):
                upcoming.append(entry)
                return
            yield entry

    upcoming.extend(entry for entry in [next(results, None)] if entry is not None)
    while upcoming:
        yield scene(upcoming.pop())


def _running_mean(scene: Iterator[Segmented]) -> Iterator[Segmented]:
    """The mean of the probabilities of each frame and of _BESIDE on each side, fewer at the ends."""
    near: deque[tuple[Segmented, Beliefs]] = deque()
    given = 0  # of those in `near`
    for entry in scene:
        near.append((entry, entry.result.probabilities_at(entry.result.grid_size)))
        if len(near) - given > _BESIDE:
            yield _mean(near, given)
            given += 1
        if given > _BESIDE:
            near.popleft()
            given -= 1
    while given < len(near):
        yield _mean(near, given)
        given += 1
        if given > _BESIDE:
            near.popleft()
            given -= 1


def _mean(near: "deque[tuple[Segmented, Beliefs]]", place: int) -> Segmented:
    entry = near[place][0]
    window = [near[index][1] for index in range(max(0, place - _BESIDE), min(len(near), place + _BESIDE + 1))]
    mean = np.asarray(np.mean(window, axis=0), np.float32)
    return _replaced(entry, entry.result.rescored(scores_of(mean)))


def _refined(scene: Iterator[Segmented], preset: Preset, threads: int | None) -> Iterator[Segmented]:
    """The CRF over x, y, t and colour, for _TOGETHER frames at a time with _AROUND on each side.

    The frames are reduced so that those of one time take at most MOST_BYTES.
    """
    known: list[Segmented] = []
    given = 0  # of those in `known`
    ended = False
    while not ended or given < len(known):
        # Parts begin at multiples of _TOGETHER, wherever a run was taken up.
        length = _TOGETHER - known[given].number % _TOGETHER if given < len(known) else _TOGETHER
        while not ended and len(known) < given + length + _AROUND:
            entry = next(scene, None)
            if entry is None:
                ended = True
            else:
                known.append(entry)
                if len(known) == given + 1:
                    length = _TOGETHER - entry.number % _TOGETHER
        stop = min(len(known), given + length)
        if stop == given:
            return
        yield from _refined_part(known, given, stop, preset, threads)
        dropped = max(0, stop - _AROUND)
        known, given = known[dropped:], stop - dropped


def _refined_part(
    known: list[Segmented], start: int, stop: int, preset: Preset, threads: int | None
) -> Iterator[Segmented]:
    results = [entry.result for entry in known]
    classes = len(results[0].classes)
    most = MOST_BYTES / (_TOGETHER + 2 * _AROUND)
    size = results[0].size
    excess = refining_bytes(size, classes) / most
    grid = size if excess <= 1 else fitting(size, max(1, int(max(size) / excess**0.5)))
    while True:
        frames = np.stack([_photo(result, grid) for result in results])
        beliefs = np.stack([result.probabilities_at(grid) for result in results], axis=1)
        try:
            refined = _in_crf(frames, beliefs, preset, threads)
            break
        except LatticeTooLarge:
            grid = fitting(grid, max(1, int(max(grid) / 2**0.5)))
    for place in range(start, stop):
        scores = scores_of(np.ascontiguousarray(refined[:, place]))
        yield _replaced(known[place], known[place].result.rescored(scores, refined=True))


def _in_crf(frames: RGBImage, beliefs: Beliefs, preset: Preset, threads: int | None) -> Beliefs:
    """(C, T, H, W) beliefs after the CRF, of (T, H, W, 3) frames and (C, T, H, W) probabilities."""
    sized = preset.for_size(frames.shape[1:3])
    near = (_FRAMES_APART, sized.theta_gamma, sized.theta_gamma)
    wide = (_FRAMES_APART, sized.theta_alpha, sized.theta_alpha)
    crf = DenseCRF(
        unary_from_probabilities(beliefs),
        (
            Gaussian(near, sized.w2, sized.normalization),
            Bilateral(frames, wide, sized.theta_beta, sized.w1, sized.normalization),
        ),
        threads=threads,
        most_vertices=most_vertices((frames.shape[1], frames.shape[2] * frames.shape[0]), len(beliefs)),
    )
    crf.step(sized.iterations)
    return crf.q


def _photo(result: Segmentation, grid: tuple[int, int]) -> RGBImage:
    return resized(result.image, grid)


def _replaced(entry: Segmented, result: Segmentation) -> Segmented:
    return Segmented(entry.number, entry.index, entry.pts, result)
