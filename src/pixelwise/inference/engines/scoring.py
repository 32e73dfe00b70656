"""Score one copy of a picture: at which size, in which views, and whether the scores are numbers."""

import math
from typing import TypeVar

import numpy as np

from pixelwise import _core
from pixelwise.core.errors import ModelError
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.reading import Photo, Readable, read_photo
from pixelwise.core.types import Scores
from pixelwise.inference.engines.coarse_scores import CoarseScores
from pixelwise.inference.engines.engine import CoarseEngine, Engine
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.views import SINGLE, Views, averaged_scores, sized

AnyScores = TypeVar("AnyScores", Scores, Scores | CoarseScores)


def affordable_size(info: ModelInfo, size: tuple[int, ...], scale: float, shown: str) -> tuple[int, int]:
    """(height, width) of the copy on which a picture of `size` is scored, enlarged by up to `scale`.

    Raises ModelError, with the model's name `shown`, if that takes more than the memory for pictures.
    """
    scored_size = info.scored_size((size[0], size[1]))
    if scoring_bytes(scored_size, len(info.classes), scale) > PICTURES.total:
        raise ModelError(
            f"{shown} scores a picture of {size[0]}x{size[1]} pixels as {scored_size[0]}x{scored_size[1]}, "
            f"which takes more than {PICTURES.total / 1e9:.1f} GB of memory",
            "export it with a smaller --long-side, or leave out large --scales",
        )
    return scored_size


def finite(scores: AnyScores, shown: str) -> AnyScores:
    """The scores themselves. Raises ModelError, with the model's name `shown`, if some are not numbers."""
    if not (
        scores.is_finite()
        if isinstance(scores, CoarseScores)
        else _core.all_finite(np.ascontiguousarray(scores))
    ):
        raise ModelError(
            f"{shown} gives NaN or infinite scores for this picture",
            "its weights are damaged, or its training diverged: take another checkpoint",
        )
    return scores


def scored_coarsely(engine: Engine, photo: Photo, size: tuple[int, int]) -> Scores | CoarseScores:
    """Scores of `photo` at `size` in a single view; before the last upsampling if the engine can do that."""
    seen = sized(photo.pixels, size)
    return engine.coarse_scores(seen) if isinstance(engine, CoarseEngine) else engine.scores(seen)


def scored(
    engine: Engine, long_side: int, views: Views, source: Readable, photo: Photo, size: tuple[int, int]
) -> Scores:
    """(C, h, w) scores of `photo`, a copy of `source` of at most `long_side` pixels, at `size`.

    For views that enlarge it, `source` is read again.
    """
    if views == SINGLE:
        return engine.scores(sized(photo.pixels, size))
    whole = photo.pixels.shape[:2] == photo.size
    largest = math.ceil(long_side * max(views.scales))
    closer = photo if whole or largest <= max(size) else read_photo(source, largest)
    return averaged_scores(engine, closer.pixels, size, views)


def scoring_bytes(size: tuple[int, int], classes: int, scale: float = 1.0) -> int:
    """The approximate least memory for scoring a picture of `size`, enlarged by `scale`: twice the net's
    first layer and scores.
    """
    return round(size[0] * size[1] * (100 * scale**2 + 8 * classes))
