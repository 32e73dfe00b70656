"""From a picture to a Segmentation: read, reduce, score, refine. Training judges nets by this code too."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.crf import Preset
from pixelwise.errors import ModelError
from pixelwise.inference.choice import open_model
from pixelwise.inference.engines import Engine
from pixelwise.inference.model_file import ModelInfo
from pixelwise.inference.probabilities import scores_of
from pixelwise.inference.refiner import CRFRefiner, Refiner, refined_photo, refining_bytes
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.views import SINGLE, Views, averaged_scores, sized
from pixelwise.labels import Classes
from pixelwise.pictures.images import Photo, Source, read_photo
from pixelwise.pictures.memory import PICTURES
from pixelwise.streams import in_order, processors
from pixelwise.types import IMAGE, Channel, Scores


class Predictor:
    """A model ready to segment. It keeps no state between calls and may be shared between threads."""

    def __init__(
        self,
        engine: Engine,
        info: ModelInfo,
        identity: str | None = None,
        refiner: Refiner | None = None,
        views: Views = SINGLE,
        inputs: Sequence[str] = (IMAGE,),
    ) -> None:
        """`identity` tells models of one name apart; finished results of another model, or of another
        `refiner` or other `views`, are made anew. `inputs`: what the net sees, where that is not the image
        alone; then sources are arrays (H, W, K) of these side by side, `views` is single and `refiner` None.
        """
        self.inputs = tuple(inputs)
        if self.inputs != (IMAGE,) and (refiner is not None or views != SINGLE):
            raise ModelError(
                f'model "{info.name}" sees {" and ".join(inputs)}: no CRF and no views for such',
                "leave out --crf, --scales and --flip",
            )
        self.engine = engine
        self.info = info
        self.refiner = refiner
        self.views = views
        model = info.name if identity is None else identity
        model = model if views == SINGLE else f"{model} {views}"
        self.identity = model if refiner is None else f"{model} {refiner.identity}"

    @property
    def classes(self) -> Classes:
        """The classes the model tells apart."""
        return self.info.classes

    def __call__(self, source: Source) -> Segmentation:
        """Segment one picture, on a copy of info.scored_size.

        A refiner then sees the picture in its own size, or, where memory does not allow that, on the
        largest copy that it does: see refiner.refined_size.

        Files are turned upright as their EXIF orientation says, Pillow images and arrays are taken as they
        lie. Raises ImageError for files that are no readable image, ValueError for arrays of another type
        or shape.
        """
        if self.inputs != (IMAGE,):
            return self._of_inputs(source)
        photo = read_photo(source, self.info.long_side)
        scores = self.scores(source, photo)
        if scores.shape[0] != len(self.classes):
            raise ModelError(
                f'model "{self.info.name}" names {len(self.classes)} classes but scores {scores.shape[0]}',
                "export it again",
            )
        scored = Segmentation(
            scores, photo.size, self.classes, photo.pixels, photo.original, file_notes=photo.notes
        )
        return scored if self.refiner is None else self._refined(source, photo, scored, self.refiner)

    def scores(self, source: Source, photo: Photo) -> Scores:
        """(C, h, w) scores of `photo`, the copy of `source` that read_photo made for info.long_side."""
        size = self.info.scored_size(photo.pixels.shape[:2])
        if self.views == SINGLE:
            return self.engine.scores(sized(photo.pixels, size))
        whole = photo.pixels.shape[:2] == photo.size
        largest = math.ceil(self.info.long_side * max(self.views.scales))
        closer = photo if whole or largest <= max(size) else read_photo(source, largest)
        return averaged_scores(self.engine, closer.pixels, size, self.views)

    def _of_inputs(self, source: object) -> Segmentation:
        if not isinstance(source, np.ndarray) or source.ndim != 3:
            raise self._sees_more()
        size = source.shape[0], source.shape[1]
        seen = resampled(source, self.info.scored_size(size))
        colours = seen[..., :3] if seen.shape[2] >= 3 else seen[..., :1].repeat(3, axis=2)
        shown = np.ascontiguousarray(colours.clip(0, 255).astype(np.uint8))
        return Segmentation(self.engine.scores(seen), size, self.classes, shown)

    def expect_photos(self) -> None:
        """Raise ModelError, for what works on photos alone, if the model sees anything else."""
        if self.inputs != (IMAGE,):
            raise self._sees_more()

    def _sees_more(self) -> ModelError:
        return ModelError(
            f'model "{self.info.name}" sees {" and ".join(self.inputs)}, which a picture does not hold',
            "judge it on a data set that has them: pixelwise eval",
        )

    def _refined(self, source: Source, photo: Photo, scored: Segmentation, refiner: Refiner) -> Segmentation:
        closer = refined_photo(source, photo, len(self.classes))
        grid = closer.shape[0], closer.shape[1]
        with PICTURES.reserve(refining_bytes(grid, len(self.classes))):
            scores = scores_of(refiner(closer, scored.probabilities_at(grid)))
        return Segmentation(
            scores, photo.size, self.classes, closer, photo.original, scored.scored_size, photo.notes
        )

    def batch(self, sources: Iterable[Source], workers: int | None = None) -> Iterator[Segmentation]:
        """Segment many pictures in threads; results come in order, as they are needed.

        Only a few sources are read ahead, so that `sources` may be endless. An error is raised when its
        picture's turn has come. By default there are as many workers as keep the processors busy, at least
        two; a model loaded with threads=1 is the most efficient here.
        """
        if workers is None:
            workers = max(2, -(-processors() // self.engine.threads))
        return in_order(self, sources, workers)


def resampled(channels: Channel, size: tuple[int, int]) -> Channel:
    """(H, W, K) of any type resized to `size`, each channel for itself, as float32."""
    if channels.shape[:2] == size:
        return channels.astype(np.float32)
    height, width = size
    planes = [Image.fromarray(plane) for plane in np.moveaxis(channels.astype(np.float32), 2, 0)]
    fitted = [plane.resize((width, height), Image.Resampling.BILINEAR) for plane in planes]
    return np.stack([np.asarray(plane) for plane in fitted], axis=2)


def load(
    name_or_path: str | Path = "default",
    threads: int | None = None,
    crf: Preset | str | Path | None = None,
    views: Views = SINGLE,
    engine: str = "auto",
    precision: str = "float32",
) -> Predictor:
    """Load a bundled model by name, or a model file (.onnx) or net (.safetensors) by path.

    threads: how many one picture keeps busy, default all processors; for a net it sets torch's. crf: refine
    results in a dense CRF of this preset, its name or its file. views: look at pictures in several scales or
    mirrored too. engine, one of choice.ENGINES: by default OpenVINO for model files if it is installed, else
    ONNX Runtime; nets run in torch. precision: "float32", or "bfloat16", which OpenVINO and torch have.
    Raises ModelError, naming the models there are, if there is no such model, its file is damaged or not
    one of ours, or it does not run as asked; PresetError alike.
    """
    refiner = None if crf is None else CRFRefiner(crf, threads)
    made, info, identity = open_model(name_or_path, threads, engine, precision)
    return Predictor(made, info, identity, refiner, views)
