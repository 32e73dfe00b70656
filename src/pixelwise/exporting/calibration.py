"""Pictures on which a model is calibrated, as its net sees them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from pixelwise.core.errors import DataError, ModelError, SplitError
from pixelwise.core.pictures.reading import Readable
from pixelwise.core.types import Channel, Labels, RGBImage, Scores
from pixelwise.data.sample import LabelledImages
from pixelwise.data.spec import SOURCES, open_dataset
from pixelwise.inference.engines.engine import Engine
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.sources.files import find_pictures

MOST_PICTURES = 48
"""More change the ranges of activations hardly, and take a second each."""

Calibration = str | Path | LabelledImages | Sequence[Readable]
"""KIND:PATH, a folder or a picture, a data set, or files and arrays."""

Item = TypeVar("Item")


@dataclass
class Recorder:
    """An engine that keeps the pictures (H, W, K) that it scored, and the labels (H, W) it found."""

    engine: Engine
    seen: list[Channel] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)

    @property
    def threads(self) -> int:
        return self.engine.threads

    def scores(self, image: RGBImage) -> Scores:
        scores = self.engine.scores(image)
        self.seen.append(image)
        self.labels.append(scores.argmax(0).astype(np.uint8))
        return scores


def record(calibration: Calibration, engine: Engine, info: ModelInfo) -> Recorder:
    """What the net sees of at most MOST_PICTURES of the pictures, evenly spaced, and the labels it gives.

    KIND:PATH stands for its training pictures. Raises DataError if there are none, ImageError or DataError
    for one that cannot be read, ModelError if the net needs more than pictures hold.
    """
    recorder = Recorder(engine)
    predictor = Predictor(recorder, info)
    if isinstance(calibration, str) and calibration.partition(":")[0] in SOURCES and ":" in calibration:
        calibration = _training_pictures(calibration)
    if isinstance(calibration, LabelledImages):
        dataset = calibration.with_inputs(*info.inputs)
        for index in _spread(range(len(dataset))):
            predictor(dataset.read(index).stacked(info.inputs))
        return recorder
    sources = _files(calibration) if isinstance(calibration, str | Path) else list(calibration)
    if not sources:
        raise ValueError("expected pictures to calibrate on, got none")
    for source in _spread(sources):
        predictor(source)
    return recorder


def changed(recorder: Recorder, engine: Engine) -> float:
    """The share of the recorded pictures' pixels that another engine gives another label."""
    wrong = total = 0
    for picture, labels in zip(recorder.seen, recorder.labels, strict=True):
        found = engine.scores(picture)
        if not np.isfinite(found).all():
            raise ModelError("the converted model gives NaN or infinite scores", "export it in float32")
        wrong += int((found.argmax(0) != labels).sum())
        total += labels.size
    return wrong / total


def _training_pictures(spec: str) -> LabelledImages:
    try:
        return open_dataset(spec, "train")
    except SplitError:
        return open_dataset(spec, "all")


def _files(place: str | Path) -> list[Readable]:
    """The pictures of a folder, or one file. Raises DataError if there are none."""
    found = find_pictures([place], Path(place) / ".none")
    if fault := next((entry.problem for entry in found if entry.problem is not None), None):
        raise DataError(
            f"no pictures to calibrate on: {fault.message}",
            "name a folder of pictures like those the model will see, or KIND:PATH",
        )
    return [entry.path for entry in found]


def _spread(items: Sequence[Item]) -> list[Item]:
    """At most MOST_PICTURES of the items, from all parts of the sequence."""
    count = min(MOST_PICTURES, len(items))
    return [items[index * len(items) // count] for index in range(count)]
