"""Mean IoU of CRF parameters on a data set: scores are computed once, trials are recorded at once.

A work folder holds, under a name that depends on model, images, labels and classes, `scores/` (float16, one
file per image) and `trials.jsonl` (one line per trial). An interrupted search continues from there.
"""

import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import DataError
from pixelwise.core.files import write_atomically
from pixelwise.core.terminal import printable, reason_of
from pixelwise.core.threads import in_order, processors
from pixelwise.core.types import RGBImage, Scores
from pixelwise.crf.parameter_search import Point
from pixelwise.data import LabelledImages
from pixelwise.data.formats.npy_arrays import read_array
from pixelwise.evaluation.evaluation import match_classes
from pixelwise.evaluation.metrics import confusion
from pixelwise.inference.crf_refiner import CRFRefiner, Refiner
from pixelwise.inference.predictor import Predictor

_VERSION = 2  # of what is kept in the work folder


class ScoredImages:
    """A model's scores for a data set, saved in `work`, and their mean IoU after a CRF."""

    def __init__(self, predictor: Predictor, dataset: LabelledImages, work: Path) -> None:
        """`predictor` has no refiner. Nothing is scored yet. Raises DataError if labels and classes do not
        fit, ModelError if the model has other inputs than the image.
        """
        predictor.expect_photos()
        self._predictor = predictor
        self._dataset = dataset
        self._table, self.void = match_classes(dataset.classes, predictor.classes)
        self.folder = work / _key(predictor, dataset)
        self._trials = self.folder / "trials.jsonl"

    def __len__(self) -> int:
        return len(self._dataset)

    def compute(self, progress: Callable[[int], None] | None = None) -> None:
        """Score the images whose scores are not in the folder yet; `progress` gets how many are done."""
        missing = [index for index in range(len(self)) if not self._scores(index).is_file()]
        done = len(self) - len(missing)
        images = (self._dataset.read(index).image for index in missing)
        for index, result in zip(missing, self._predictor.batch(images), strict=True):
            write_atomically(self._scores(index), partial(_save, _as_half(result.scores)))
            done += 1
            if progress is not None:
                progress(done)

    def confusion(self, refiner: Refiner | None) -> confusion.Confusion:
        """(C, C) confusion matrix over all images, after `compute`; one thread per processor."""
        classes = len(self._predictor.classes)

        def count(index: int) -> confusion.Confusion:
            sample = self._dataset.read(index)
            predictor = Predictor(_Kept(self._scores(index)), self._predictor.info, refiner=refiner)
            return confusion.confusion_matrix(
                self._table[sample.labels], predictor(sample.image).labels, classes
            )

        total = np.zeros((classes, classes), np.int64)
        for matrix in in_order(count, range(len(self)), processors()):
            total += matrix
        if not total.any():
            raise DataError(
                f"{self._dataset.name}: no pixel of these images has a label",
                "name labelled data, or other --classes",
            )
        return total

    def mean_iou(self, point: Point) -> float:
        """Mean IoU in [0, 1] after the CRF with these parameters. It is recorded before it is returned."""
        value = confusion.mean_iou(self.confusion(CRFRefiner(point.preset("trial", "search"), threads=1)))
        self._trials.parent.mkdir(parents=True, exist_ok=True)
        with self._trials.open("a", encoding="utf-8") as file:
            # The line break comes first, lest a line that was cut off before takes this one along.
            file.write("\n" + json.dumps({**point._asdict(), "mean_iou": value}))
            file.flush()
            os.fsync(file.fileno())
        return value

    def known(self) -> dict[Point, float]:
        """The trials of earlier runs; a line that was cut off by a power failure does not count."""
        trials = {}
        lines = self._trials.read_bytes().splitlines() if self._trials.is_file() else []
        for line in lines:
            try:
                record = json.loads(line)
                point = Point(*(float(record[name]) for name in Point._fields))
                score = float(record["mean_iou"])
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                continue
            if 0 <= score <= 1 and all(0 < value < math.inf for value in point):
                trials[point] = score
        return trials

    def _scores(self, index: int) -> Path:
        return self.folder / "scores" / f"{index:05}.npy"


def _save(scores: npt.NDArray[np.float16], file: BinaryIO) -> None:
    np.save(file, scores, allow_pickle=False)


def _as_half(scores: Scores) -> npt.NDArray[np.float16]:
    """Scores as float16, minus the largest of each pixel: the softmax is the same, and nothing overflows."""
    below = scores - scores.max(axis=0)
    lowest = np.finfo(np.float16).min
    half: npt.NDArray[np.float16] = np.maximum(below, lowest).astype(np.float16)
    return half


class _Kept:
    """An engine that reads scores from a file."""

    threads = 1

    def __init__(self, path: Path) -> None:
        self._path = path

    def scores(self, image: RGBImage) -> Scores:
        try:
            stored = read_array(self._path)
        except (OSError, ValueError, MemoryError) as problem:
            raise self._damaged(str(problem)) from None
        if stored.dtype != np.float16 or stored.ndim != 3:
            raise self._damaged(f"expected (C, h, w) float16, got {stored.shape} {stored.dtype}")
        scores: Scores = stored.astype(np.float32)
        return scores

    def _damaged(self, reason: str) -> DataError:
        return DataError(
            f"the scores {self._path} cannot be read: {printable(reason)}", "remove the file and search again"
        )


def evenly(dataset: LabelledImages, count: int) -> LabelledImages:
    """`count` images at equal distances in the data set's order; all if it has no more."""
    total = len(dataset)
    if count >= total:
        return dataset
    entries = tuple(dataset.entries[index * total // count] for index in range(count))
    return dataclasses.replace(dataset, entries=entries)


def at_random(dataset: LabelledImages, count: int, seed: int) -> LabelledImages:
    """`count` images that a generator with this seed picks, in the data set's order; all if it has no more.

    DeepLab searched on 100 random images of val (Chen et al. 2015, section 5).
    """
    if count >= len(dataset):
        return dataset
    picked = np.random.default_rng(seed).choice(len(dataset), count, replace=False)
    entries = tuple(dataset.entries[index] for index in sorted(picked))
    return dataclasses.replace(dataset, entries=entries)


def _key(predictor: Predictor, dataset: LabelledImages) -> str:
    """A digest that changes if scores or ground truth change."""
    files = [
        [entry.id, *_state(entry.image.path), *(_state(part.path) for part in entry.labels.values())]
        for entry in dataset.entries
    ]
    facts = [
        *(_VERSION, predictor.identity, predictor.info.long_side, predictor.info.enlarge),
        predictor.classes.names,
        *(dataset.classes.names, dict(dataset.class_map.table), files),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _state(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as problem:
        raise DataError(f"{path} cannot be read: {reason_of(problem)}") from None
    return status.st_size, status.st_mtime_ns
