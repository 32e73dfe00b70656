"""A model that ends in a learnt CRF: the engine's scores, refined on the copy that the net saw."""

import math

from pixelwise.core.errors import ModelError
from pixelwise.core.types import RGBImage, Scores
from pixelwise.crf import LatticeTooLarge
from pixelwise.crf.learnt import LearntCRF
from pixelwise.inference.crf_refiner import most_vertices
from pixelwise.inference.engines.engine import Engine


class CRFEngine:
    """Gives log Q of the CRF where `engine` gives scores. The first three channels are the picture."""

    def __init__(self, engine: Engine, crf: LearntCRF) -> None:
        self.engine, self._crf = engine, crf

    @property
    def threads(self) -> int:
        return self.engine.threads

    def scores(self, image: RGBImage) -> Scores:
        scores = self.engine.scores(image)
        if not (math.isfinite(scores.min()) and math.isfinite(scores.max())):
            return scores  # whoever asked for them reports that
        size = image.shape[0], image.shape[1]
        try:
            return self._crf(image[..., :3], scores, self.threads, most_vertices(size, len(scores)))
        except LatticeTooLarge:
            raise ModelError(
                f"the model's CRF takes too much memory for a picture of {size[0]}x{size[1]}",
                "export it with a smaller --long-side",
            ) from None
