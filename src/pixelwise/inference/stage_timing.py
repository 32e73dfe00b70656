"""Time each stage of the segmentation of one picture.

Long et al. 2015 (section 4 and table 1) time the forward pass of a 500x500 image, averaged over 20 runs: that
is the mean of the stage "net" after a warm-up. The median and the stages around the net are measured too.
"""

import copy
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from pixelwise.core.pictures.reading import read_photo
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.probabilities import scores_of
from pixelwise.inference.segmentation import Segmentation

RUNS = 20
MOST_PIXELS = 25_000_000
"""The largest size of the synthetic photo."""
WARM_UP = 3


@dataclass(frozen=True)
class Duration:
    """Seconds of one stage: the mean and the median of all runs, and the quartiles."""

    mean: float
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Timing:
    """Durations by stage, in order, of a picture of `size`, (height, width), of which the net saw a copy of
    `scored_size`.
    """

    size: tuple[int, int]
    scored_size: tuple[int, int]
    views: str
    threads: int
    runs: int
    stages: Mapping[str, Duration]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "size": list(self.size),
            "scored_size": list(self.scored_size),
            "views": self.views,
            "threads": self.threads,
            "runs": self.runs,
            "stages": {name: dataclasses.asdict(duration) for name, duration in self.stages.items()},
        }


def time_photo(
    predictor: Predictor,
    size: tuple[int, int] = (500, 500),
    long_side: int | None = None,
    runs: int = RUNS,
    progress: Callable[[int], None] | None = None,
) -> Timing:
    """Time the stages of the segmentation of a synthetic photo, see `time_stages`, after a warm-up.

    long_side: the net sees the photo at most this long, default the model's. progress is called with the
    number of runs done. Raises ValueError for a photo of more than MOST_PIXELS.
    """
    if size[0] * size[1] > MOST_PIXELS:
        raise ValueError(f"expected at most {MOST_PIXELS:,} pixels, got {size[0]}x{size[1]}")
    if long_side is not None:
        predictor = copy.copy(predictor)
        predictor.info = dataclasses.replace(predictor.info, long_side=long_side)
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        write_photo(photo, size)
        stages = time_stages(predictor, photo, runs, progress)
    scored = predictor.info.scored_size(size)
    return Timing(size, scored, str(predictor.views), predictor.engine.threads, runs, stages)


def write_photo(path: Path, size: tuple[int, int]) -> None:
    """Write a synthetic JPEG of (height, width) that takes as long to decode and refine as a photo: soft
    shapes of many sizes with some grain, the same each time.
    """
    rng = np.random.default_rng(0)
    mixed = np.zeros((*size, 3), np.float32)
    for cells in (3, 8, 20, 60):
        grid = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        layer = grid.resize((size[1], size[0]), Image.Resampling.BICUBIC)
        mixed += np.where(np.asarray(layer) > 127, np.float32(255 / cells), np.float32(0))
    mixed *= 255 / mixed.max()
    mixed += 4 * rng.standard_normal(mixed.shape, np.float32)
    picture = Image.fromarray(mixed.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
    picture.save(path, "JPEG", quality=90)


def time_stages(
    predictor: Predictor, path: Path, runs: int = RUNS, progress: Callable[[int], None] | None = None
) -> dict[str, Duration]:
    """Durations by stage, in order; the last, "file to labels", runs all stages at once.

    "read" decodes the file at full size, "preprocess" reduces it to the net's size, "net" includes the
    normalisation of pixels and all of the predictor's views, "label" enlarges the scores and takes the best
    class, "CRF", if the predictor has one, goes from scores to refined labels. "file to labels" may take less
    than the sum, since reading for a smaller size may decode less. Raises ModelError for a model that does
    not take RGB images.
    """
    predictor.expect_photos()
    seconds: dict[str, list[float]] = {}
    for run in range(-WARM_UP, runs):
        for name, duration in _once(predictor, path):
            if run >= 0:
                seconds.setdefault(name, []).append(duration)
        if progress is not None and run >= 0:
            progress(run + 1)
    return {name: _duration(values) for name, values in seconds.items()}


def _once(predictor: Predictor, path: Path) -> Iterator[tuple[str, float]]:
    clock = time.perf_counter
    start = clock()
    full = read_photo(path, 1_000_000).pixels
    yield "read", clock() - start

    start = clock()
    photo = read_photo(full, predictor.info.long_side)
    yield "preprocess", clock() - start

    start = clock()
    scores = predictor.scores(full, photo)
    yield "net", clock() - start

    start = clock()
    result = Segmentation(scores, photo.size, predictor.classes, photo.pixels)
    _ = result.labels
    yield "label", clock() - start

    if predictor.refiner is not None:
        start = clock()
        beliefs = predictor.refiner(full, result.probabilities_at(photo.size))
        _ = Segmentation(scores_of(beliefs), photo.size, predictor.classes, full).labels
        yield "CRF", clock() - start

    start = clock()
    _ = predictor(path).labels
    yield "file to labels", clock() - start


def _duration(values: list[float]) -> Duration:
    low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return Duration(statistics.fmean(values), median, low, high)
