"""What mean field does step by step: labels, score maps and belief maps, as in figure 2 of DeepLab v1."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.inference.crf_refiner import CRFRefiner, reserved_bytes
from pixelwise.inference.external_results import Given, fitting_photo
from pixelwise.inference.results.drawing import overlay, resized
from pixelwise.inference.results.heat import coloured
from pixelwise.inference.results.sheet import Row, cell, sheet
from pixelwise.inference.results.tints import tints

SHOWN = (0, 1, 2, 5)
"""Iterations, and the preset's last."""

_MOST_CLASSES = 3
_SMALLEST = 1e-7


def iteration_sheet(photo_path: Path, given: Given, refiner: CRFRefiner) -> Image.Image:
    """Columns: what was given, and the result after some iterations. Rows: labels on the picture; for the
    classes with the largest areas (without the background) score and belief maps.

    A score is log(q / (1 - q)) of a belief q, the class against all others; one scale for a row, from its
    1st to its 99th percentile. Beliefs go from 0 to 1. Raises DataError if sizes do not fit.
    """
    _, image = fitting_photo(photo_path, given)
    size = image.shape[0], image.shape[1]
    last = refiner.preset.iterations
    counts = [*(count for count in SHOWN if count < last), last]
    with PICTURES.reserve(reserved_bytes(size, len(given.classes))):
        beliefs = list(refiner.after(image, given.probabilities(size), counts))
    if beliefs[0].shape[1:] != size:  # a picture of noise is refined on a smaller copy
        image = resized(image, (beliefs[0].shape[1], beliefs[0].shape[2]))
    maps = [np.ascontiguousarray(q.argmax(0).astype(np.uint8)) for q in beliefs]
    drawn = [cell(overlay(image, labels, given.classes, [], 0.6, outlines=True)) for labels in maps]
    rows: list[Row] = [("labels", drawn)]
    found = _largest(maps, len(given.classes), given.classes.background)
    names = [f"class {name}" if name.isdecimal() else name for name in given.classes.names]
    for id_ in found:
        name = names[id_]
        planes = [np.clip(q[id_].astype(np.float64), _SMALLEST, 1 - _SMALLEST) for q in beliefs]
        scores = [np.log(plane) - np.log1p(-plane) for plane in planes]
        low, high = np.percentile(np.stack(scores), (1, 99))
        rows.append((f"{name}: score from {low:.1f} to {high:.1f}", _coloured(scores, low, high)))
        rows.append((f"{name}: belief from 0 to 1", _coloured([q[id_] for q in beliefs], 0.0, 1.0)))
    titles = ["given" if count == 0 else f"iteration {count}" for count in counts]
    legend = {names[id_]: tints(given.classes)[id_] for id_ in found}
    return sheet(titles, rows, legend)


def _largest(maps: Sequence[npt.NDArray[np.uint8]], classes: int, background: int | None) -> list[int]:
    """Class ids by their area in all maps together, largest first; the background only if it is alone."""
    areas = np.bincount(np.stack(maps).reshape(-1), minlength=classes)
    order = [int(id_) for id_ in np.argsort(-areas, kind="stable") if areas[id_]]
    return [id_ for id_ in order if id_ != background][:_MOST_CLASSES] or order[:1]


def _coloured(planes: Sequence[npt.NDArray[Any]], low: float, high: float) -> list[Image.Image]:
    return [cell(Image.fromarray(coloured(plane, low, high))) for plane in planes]
