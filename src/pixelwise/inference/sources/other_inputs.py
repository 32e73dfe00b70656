"""Segment other inputs than photos: bands, or a photo with depth or HHA."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pixelwise.core.errors import ModelError
from pixelwise.core.pictures.bands import BandForm, view_of
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.reading import read_photo
from pixelwise.core.types import IMAGE
from pixelwise.inference.engines.engine import Engine
from pixelwise.inference.engines.scoring import affordable_size, finite, scoring_bytes
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.sources.bands import bands_of, expect_finite, resampled
from pixelwise.inference.sources.partners import Partners
from pixelwise.inference.views import sized


@dataclass(frozen=True)
class OtherInputs:
    """A model that sees `inputs`, not the image alone. shown: its name in messages. partners: where the files
    of the other inputs lie.
    """

    engine: Engine
    info: ModelInfo
    inputs: tuple[str, ...]
    shown: str
    partners: Partners | None

    def __call__(self, source: object) -> Segmentation:
        """The result for an array (H, W, K) of all inputs side by side, a file with the bands, or a photo's
        file with partners. Raises ModelError for other sources.
        """
        if self.info.bands is not None:
            return self._of_bands(source, self.info.bands)
        if self.partners is not None and isinstance(source, str | Path):
            return self._of_files(Path(source), self.partners)
        if not isinstance(source, np.ndarray) or source.ndim != 3:
            raise self.missing([name for name in self.inputs if name != IMAGE])
        expect_finite(source, "the array")
        size = source.shape[0], source.shape[1]
        seen = resampled(source, self._scored_size(size))
        colours = seen[..., :3] if seen.shape[2] >= 3 else seen[..., :1].repeat(3, axis=2)
        shown = np.ascontiguousarray(colours.clip(0, 255).astype(np.uint8))
        return Segmentation(finite(self.engine.scores(seen), self.shown), size, self.info.classes, shown)

    def missing(self, names: Sequence[str]) -> ModelError:
        """The error for a source without these inputs."""
        if self.info.bands is not None:
            return ModelError(f"{self.shown} takes {self.info.bands}, not photos", "use segment or eval")
        given = " ".join(f"--{name} FOLDER" for name in names)
        return ModelError(
            f"{self.shown} takes {' and '.join(self.inputs)}, which a picture alone does not have",
            f"evaluate it on a data set that has them (pixelwise eval), or segment pictures with {given}",
        )

    def _of_bands(self, source: object, form: BandForm) -> Segmentation:
        try:
            bands = bands_of(source, form)
        except ValueError as fault:
            raise ModelError(f"{self.shown}: {fault}") from None
        whole = bands.shape[0], bands.shape[1]
        size = self._scored_size(whole)
        with PICTURES.reserve(scoring_bytes(size, len(self.info.classes)) + 8 * bands.size):
            scores = finite(self.engine.scores(resampled(bands, size)), self.shown)
            view = view_of(bands)
        return Segmentation(scores, whole, self.info.classes, sized(view, size), partial(np.asarray, view))

    def _of_files(self, path: Path, partners: Partners) -> Segmentation:
        photo = read_photo(path, self.info.long_side)
        size, classes = self._scored_size(photo.size), self.info.classes
        with PICTURES.reserve(scoring_bytes(size, len(classes))):
            seen = resampled(partners.stacked(path, self.inputs), size)
            scores = finite(self.engine.scores(seen), self.shown)
        shown = sized(photo.pixels, size)
        return Segmentation(scores, photo.size, classes, shown, photo.original, file_notes=photo.notes)

    def _scored_size(self, size: tuple[int, ...]) -> tuple[int, int]:
        return affordable_size(self.info, size, 1.0, self.shown)
