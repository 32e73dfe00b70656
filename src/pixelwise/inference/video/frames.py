"""Segment every Nth frame of a video, in threads and in order, and smooth the results over time."""

from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

from pixelwise.core.errors import ImageError
from pixelwise.core.terminal import printable
from pixelwise.core.threads import in_order
from pixelwise.core.types import RGBImage
from pixelwise.crf import Preset, load_preset
from pixelwise.inference.crf_refiner import DEFAULT_PRESET, CRFRefiner, Refiner
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.sources.urls import shown_url
from pixelwise.inference.sources.video_urls import local_video
from pixelwise.inference.video.reading import Frame, Video
from pixelwise.inference.video.smoothing import HELD, SMOOTHINGS, Segmented, context, smoothed

MOST_BYTES = 1_000_000_000
"""Of frames in memory."""

_PER_WORKER = 4  # frames that are segmented or saved, or wait for it


class Scorer(Protocol):
    """What segments a frame: a Predictor."""

    @property
    def refiner(self) -> Refiner | None: ...
    def __call__(self, source: RGBImage) -> Segmentation: ...


def timed(
    predictor: Scorer,
    source: str | Path,
    every: int,
    smooth: str | None,
    workers: int,
    allow_private_urls: bool = False,
) -> Iterator[tuple[float, Segmentation]]:
    """(time in seconds, result) of a video's frames, in order, as `segmented` gives them. source: a file, a
    camera or a URL.
    """
    if not isinstance(source, str | Path):
        raise ValueError(f'expected a video as its path, URL or "camera:0", got {type(source).__name__}')
    shown = shown_url(source) if isinstance(source, str) else printable(source)
    with local_video(source, allow_private_urls) as file, Video(file, shown) as video:
        for entry in segmented(predictor, video, every, smooth, 0, workers):
            yield entry.seconds(video.time_base), entry.result


def segmented(
    predictor: Scorer, video: Video, every: int, smooth: str | None, first: int, workers: int
) -> Generator[Segmented, None, None]:
    """The results of one frame of `every`, from the one with number `first` among those on.

    smooth: one of SMOOTHINGS, or None. Raises ValueError for other values, ImageError if the video has no
    frame that can be read.
    """
    check_motion(every, smooth)
    start = context(smooth, first)
    workers = affordable_workers(video, smooth, workers)
    results = in_order(partial(_segmented, predictor), _kept(video, every, start), workers)
    try:
        for entry in smoothed(results, smooth, _preset(predictor.refiner)):
            if entry.number >= first:
                yield entry
    finally:
        results.close()


def affordable_workers(video: Video, smooth: str | None, workers: int) -> int:
    """As many of `workers` as keep the frames that are in memory within MOST_BYTES.

    Raises ImageError if frames are too large for smoothing even with one.
    """
    frames = MOST_BYTES // (3 * video.pixels)
    spare = (frames - HELD[smooth]) // _PER_WORKER
    if spare < 1 and smooth is not None:
        raise ImageError(
            f"{video.shown}: smoothing by {smooth} needs too much memory for frames of this size",
            "smooth by mean, or reduce the video" if smooth == "crf" else "leave out smoothing",
        )
    return max(1, min(workers, spare))


def check_motion(every: int, smooth: str | None) -> None:
    """Raise ValueError for values that `segmented` does not take."""
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ValueError(f"every must be a whole number, at least 1, got {every!r}")
    if smooth is not None and smooth not in SMOOTHINGS:
        raise ValueError(f"smooth must be one of {', '.join(SMOOTHINGS)} or None, got {smooth!r}")


def _kept(video: Video, every: int, start: int) -> Iterator[tuple[int, Frame]]:
    """(number, frame) of one frame of `every`, from number `start` on."""
    for frame in video.frames():
        number, rest = divmod(frame.index, every)
        if rest == 0 and number >= start:
            yield number, frame


def _segmented(predictor: Callable[[RGBImage], Segmentation], kept: tuple[int, Frame]) -> Segmented:
    number, frame = kept
    return Segmented(number, frame.index, frame.pts, predictor(frame.pixels))


def _preset(refiner: Refiner | None) -> Preset:
    """The preset for smoothing: that of the predictor's own CRF, or the default one."""
    return refiner.preset if isinstance(refiner, CRFRefiner) else load_preset(DEFAULT_PRESET)
