"""Save the results of a video: a folder with files for each frame, and an overlaid video.

Work goes in parts of PART frames. After each, a small file beside the part says how far the run is, so an
interrupted one goes on there. The overlaid video gets its name when it is complete.
"""

import json
import math
import shutil
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ImageError
from pixelwise.core.files import open_file, write_atomically, write_together
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.terminal import printable
from pixelwise.core.threads import in_order
from pixelwise.core.types import RGBImage
from pixelwise.data.annotations.region_files import read_regions
from pixelwise.data.annotations.regions import AnnotatedPicture, extent
from pixelwise.inference.outputs.finished_results import FRAMES, OVERLAID
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.probabilities import NOTHING_FOUND, Area, nothing_found
from pixelwise.inference.results.kind import Run, SavedAs, Saving
from pixelwise.inference.results.kinds import KINDS, run_files, writes
from pixelwise.inference.video.frames import segmented
from pixelwise.inference.video.reading import Video
from pixelwise.inference.video.smoothing import Segmented
from pixelwise.inference.video.writing import Shape, encode_part, join_parts

PART = 50
"""Frames that are finished together."""

OVERLAY = "overlay"
"""The kind that becomes a video; the others are files of each frame."""

_MOST_BYTES = 1_000_000  # of the file that says how far a run is


@dataclass(frozen=True)
class Motion:
    """How videos are segmented. every: take every Nth frame. smooth: one of SMOOTHINGS, or None."""

    every: int = 1
    smooth: str | None = None

    def __str__(self) -> str:
        return f"every {self.every} smooth {self.smooth}"


EVERY_FRAME = Motion()


@dataclass
class Progress:
    """How far a run is: frames that are finished, and what they show.

    size, scored_size, shown_size: (height, width) of the first frame, of its scored copy and of its overlay.
    pixels, confidence: sums over frames of the shares of the classes, and of those times their confidence.
    """

    frames: int = 0
    size: tuple[int, int] = (0, 0)
    scored_size: tuple[int, int] = (0, 0)
    shown_size: tuple[int, int] | None = None
    pixels: list[float] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)

    def add(self, entry: Segmented, areas: Sequence[Area], classes: int, shown_size: tuple[int, ...]) -> None:
        """Count a frame."""
        if not self.pixels:
            self.pixels, self.confidence = [0.0] * classes, [0.0] * classes
            self.size, self.scored_size = entry.result.size, entry.result.scored_size
            self.shown_size = (shown_size[0], shown_size[1])
        self.frames += 1
        for area in areas:
            self.pixels[area.id] += area.area
            self.confidence[area.id] += area.area * area.confidence

    def areas(self, names: Sequence[str]) -> list[Area]:
        """The classes found, largest first: mean share of a frame, mean confidence."""
        found = [
            Area(index, names[index], share / self.frames, self.confidence[index] / share)
            for index, share in enumerate(self.pixels)
            if share > 0
        ]
        return sorted(found, key=lambda area: (-area.area, area.id))


@dataclass(frozen=True)
class SavedVideo:
    """What was saved: see Progress; outputs, notes, and how kinds were saved, as for pictures."""

    progress: Progress
    outputs: dict[str, Path]
    notes: list[str]
    saved: dict[str, SavedAs]


class VideoResults:
    """Where the results of one video are."""

    def __init__(self, target: Path, scratch: Path, kinds: Sequence[str], saving: Saving) -> None:
        """`target`: their path without endings. scratch: a folder for parts."""
        self.kinds = tuple(kinds)
        self.saving = saving
        self.of_frames = tuple(kind for kind in kinds if kind != OVERLAY)
        self.folder = Path(f"{target}{FRAMES}")
        self.overlay = Path(f"{target}{OVERLAID}")
        self._scratch = scratch

    def outputs(self) -> dict[str, Path]:
        return {kind: self.overlay if kind == OVERLAY else self.folder for kind in self.kinds}

    def files(self, index: int) -> dict[str, Path]:
        """The files of a frame by kind."""
        folders = {kind: self._scratch if KINDS[kind].is_hidden else self.folder for kind in self.of_frames}
        return {kind: folder / f"{index:06}{KINDS[kind].ending}" for kind, folder in folders.items()}

    def sizes(self, frames: int) -> dict[str, int]:
        """What tells complete results from others: the bytes of the video, the number of frames."""
        return {kind: self.overlay.stat().st_size if kind == OVERLAY else frames for kind in self.kinds}

    def are_complete(self, sizes: dict[str, int]) -> bool:
        """Whether all results of an earlier run are there."""
        try:
            return all(self._is_complete(kind, sizes[kind]) for kind in self.kinds)
        except (OSError, KeyError):
            return False

    def _is_complete(self, kind: str, size: int) -> bool:
        if kind == OVERLAY:
            return self.overlay.stat().st_size == size
        run_file = KINDS[kind].run_file
        if run_file is not None and not (self.folder / run_file.name).is_file():
            return False
        return KINDS[kind].is_hidden or sum(1 for path in self.folder.iterdir() if _is_of(path, kind)) == size

    def write_run_files(self, classes: Classes) -> None:
        """Write the files about all frames into their folder, beside the frames' own. Frames may differ in
        size.
        """

        def frames() -> Iterator[AnnotatedPicture]:
            for path in sorted(path for path in self._scratch.iterdir() if _is_of(path, hidden)):
                name = path.name.removesuffix(KINDS[hidden].ending)
                exact = read_regions(path)
                regions = tuple(region.simplified(self.saving.tolerance) for region in exact)
                yield AnnotatedPicture(self.folder / f"{name}.jpg", extent(exact), regions)

        hidden = next((kind for kind in self.of_frames if KINDS[kind].is_hidden), "")
        write_together(run_files(Run(frames, classes, self.folder, self.folder), self.of_frames))

    def expect_no_annotations(self) -> None:
        """Raise ImageError if frames have annotations of these kinds: people may have corrected them."""
        kinds = [kind for kind in self.of_frames if KINDS[kind].is_annotation]
        if self.folder.is_dir() and any(
            _is_of(path, kind) for path in self.folder.iterdir() for kind in kinds
        ):
            raise ImageError(
                f"{printable(self.folder)} holds annotations of an earlier run, perhaps corrected",
                "move that folder to keep them, or replace them with --overwrite",
            )

    def part(self, number: int) -> Path:
        return self._scratch / f"{number:06}.part"

    def were_begun(self) -> bool:
        """Whether an interrupted run has begun to write these kinds."""
        try:
            self._recorded()
            return True
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return False

    def progress(self) -> Progress:
        """How far an earlier run was with these kinds; nothing if that cannot be read."""
        try:
            found = Progress(**self._recorded())
            found.size, found.scored_size = _size(found.size), _size(found.scored_size)
            found.shown_size = _size(found.shown_size or ())
            sums = [*map(float, found.pixels), *map(float, found.confidence)]
            whole = found.frames > 0 and found.frames % PART == 0 and len(sums) == 2 * len(found.pixels)
            whole = whole and all(map(math.isfinite, sums))
            parts = range(found.frames // PART) if OVERLAY in self.kinds else ()
            return found if whole and all(self.part(n).is_file() for n in parts) else Progress()
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return Progress()

    def _recorded(self) -> dict[str, Any]:
        """What `record` wrote for these kinds. Raises what reading such a file may raise."""
        with open_file(self._scratch / "progress.json") as file:
            known: dict[str, Any] = json.loads(file.read(_MOST_BYTES))
        if known.pop("kinds") != list(self.kinds):
            raise ValueError("of other kinds")
        return known

    def record(self, progress: Progress) -> None:
        content = json.dumps({"kinds": self.kinds, **vars(progress)}).encode()
        write_atomically(self._scratch / "progress.json", lambda file: file.write(content))

    def clear(self) -> None:
        """Remove what an earlier run with another video, model or kinds has left, and frames of these
        kinds.
        """
        self.finish()
        with suppress(OSError):
            for path in self.folder.iterdir():
                if any(_is_of(path, kind) for kind in self.of_frames):
                    path.unlink()

    def finish(self) -> None:
        """Remove the parts."""
        shutil.rmtree(self._scratch, ignore_errors=True)


def save_video(
    predictor: Predictor,
    video: Video,
    original: Path | None,
    results: VideoResults,
    motion: Motion,
    workers: int,
    on_frame: Callable[[int, int | None], None] | None = None,
) -> SavedVideo:
    """Segment a video and save its results, after the frames that an earlier run finished.

    original: the file, whose sound the overlaid video keeps; None for a camera, which Ctrl-C ends. on_frame
    is called with the number of frames done and their total, if that is known. Raises ImageError.
    """
    progress = results.progress()
    results.record(progress)
    total = None if video.count is None else -(-video.count // motion.every)
    found = segmented(predictor, video, motion.every, motion.smooth, progress.frames, workers)
    saved = in_order(partial(_saved_frame, results), found, workers)

    def counted() -> Iterator[tuple[int, RGBImage]]:
        """The times and overlays of a part, whose frames are counted on the way."""
        for entry, areas, shown in chain(first, islice(ending, PART - 1)):
            progress.add(entry, areas, len(predictor.classes), shown.shape[:2])
            if on_frame is not None:
                on_frame(progress.frames, total)
            yield entry.pts, shown

    with closing(saved), _ctrl_c_ends(video) as stopped:
        ending = takewhile(lambda _: not stopped(), saved)
        while first := list(islice(ending, 1)):
            number, size = progress.frames // PART, progress.shown_size or first[0][2].shape[:2]
            if OVERLAY in results.kinds:
                shape = Shape(size, video.time_base, video.rate / motion.every, video.aspect)
                write = partial(encode_part, frames=counted(), shape=shape)
                write_atomically(results.part(number), write)
            else:
                deque(counted(), maxlen=0)
            if progress.frames % PART:
                break
            results.record(progress)
    if progress.frames == 0:
        raise ImageError(f"{video.shown}: no frame of this video can be decoded")
    notes = _notes(video, motion, progress, predictor.classes)
    results.write_run_files(predictor.classes)
    saved_as: dict[str, SavedAs] = {}
    if OVERLAY in results.kinds:
        parts, said = [results.part(number) for number in range(-(-progress.frames // PART))], list[str]()
        shown = printable(results.overlay)
        write_atomically(results.overlay, lambda file: said.extend(join_parts(file, parts, original, shown)))
        saved_as = {OVERLAY: SavedAs(progress.size, ", ".join(said))}
    return SavedVideo(progress, results.outputs(), notes, saved_as)


Saved = tuple[Segmented, list[Area], RGBImage]


@contextmanager
def _ctrl_c_ends(video: Video) -> Iterator[Callable[[], bool]]:
    """Yields a function that says whether Ctrl-C has been pressed, for a camera: that ends it, as the end of
    a file ends a video. A second Ctrl-C interrupts as usual.
    """
    if not video.is_camera or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    pressed = threading.Event()

    def press(*_: object) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _saved_frame(results: VideoResults, entry: Segmented) -> Saved:
    result = entry.result
    with PICTURES.reserve(result.saving_bytes(results.kinds)):
        write_together(writes(result, results.files(entry.index), results.saving))
        wanted = OVERLAY in results.kinds
        shown = np.asarray(result.frame()) if wanted else np.empty((0, 0, 3), np.uint8)
        return entry, result.areas(), shown


def _notes(video: Video, motion: Motion, progress: Progress, classes: Classes) -> list[str]:
    notes = [
        f"{progress.frames} frame{'s' * (progress.frames != 1)}"
        + (f", every {motion.every}" if motion.every > 1 else "")
    ]
    if motion.smooth is not None:
        notes.append("smoothed over time by " + ("the CRF" if motion.smooth == "crf" else "a running mean"))
    if nothing_found(progress.areas(classes.names), classes):
        notes.append(NOTHING_FOUND)
    return notes + video.notes()


def _is_of(path: Path, kind: str) -> bool:
    stem = path.name.removesuffix(KINDS[kind].ending)
    return stem != path.name and stem.isdecimal()


def _size(value: Sequence[int]) -> tuple[int, int]:
    height, width = value
    return int(height), int(width)
