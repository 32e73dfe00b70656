"""The models of a service by name, with and without a CRF."""

import threading
import time
from collections.abc import Mapping
from copy import copy

from pixelwise.core.pictures.reading import Encoded
from pixelwise.crf import PRESETS
from pixelwise.inference.crf_refiner import CRFRefiner
from pixelwise.inference.engines.batching import BatchEngine, Batching
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.cleaning import Cleaning
from pixelwise.inference.segmentation import Segmentation
from pixelwise.serve.metrics import Metrics
from pixelwise.serve.refusals import Refusal


class Models:
    """Predictors by name; the first is the default."""

    def __init__(self, models: Mapping[str, Predictor], metrics: Metrics) -> None:
        if not models:
            raise ValueError("expected at least one model")
        for predictor in models.values():
            predictor.expect_photos()
        self.named = {name: _batching(predictor) for name, predictor in models.items()}
        self._metrics = metrics
        self._with_crf: dict[tuple[str, str], Predictor] = {}
        self._lock = threading.Lock()

    def expect(self, name: str | None) -> str:
        """The name, or that of the default. Raises Refusal 404 for an unknown one."""
        if name is None:
            return next(iter(self.named))
        if name not in self.named:
            raise Refusal(404, f"no model is called {name!a}", f"there are {', '.join(self.named)}")
        return name

    def segment(
        self, name: str, picture: Encoded, preset: str | None = None, cleaning: Cleaning | None = None
    ) -> Segmentation:
        """The result of a model; preset: the name of one of PRESETS, for the CRF. Raises ImageError for a
        picture that cannot be decoded.
        """
        began = time.perf_counter()
        result = self._predictor(name, preset)(picture)
        result.areas()  # labels are computed on demand
        self._metrics.segmented(name, time.perf_counter() - began)
        if not cleaning:
            return result
        try:
            return result.cleaned(cleaning)
        except ValueError as fault:
            raise Refusal(400, str(fault)) from None

    def _predictor(self, name: str, preset: str | None) -> Predictor:
        plain = self.named[name]
        if preset is None:
            return plain
        if preset not in PRESETS:
            raise Refusal(400, f"no CRF preset is called {preset!a}", f"there are {', '.join(PRESETS)}")
        with self._lock:
            if (name, preset) not in self._with_crf:
                refining = copy(plain)
                refining.refiner = CRFRefiner(PRESETS[preset], plain.engine.threads)
                self._with_crf[name, preset] = refining
            return self._with_crf[name, preset]


def _batching(predictor: Predictor) -> Predictor:
    """The same model; pictures that come at the same time are scored together if its engine can do that."""
    if not isinstance(predictor.engine, BatchEngine):
        return predictor
    made = copy(predictor)
    made.engine = Batching(predictor.engine)
    return made
