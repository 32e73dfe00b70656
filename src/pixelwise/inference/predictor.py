"""Segment a picture: read, reduce, score, refine. Training evaluates nets with this code too."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from copy import copy
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ModelError
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.pages import Page
from pixelwise.core.pictures.reading import Encoded, Photo, Readable, held, read_photo
from pixelwise.core.pictures.windows import Box, Windows, size_before_reading
from pixelwise.core.terminal import printable
from pixelwise.core.threads import in_order, worker_count
from pixelwise.core.types import BANDS, IMAGE, Scores
from pixelwise.inference.crf_refiner import (
    Refiner,
    expect_refiner,
    refined,
    refined_photo,
    refined_size,
    reserved_bytes,
)
from pixelwise.inference.engines.batching import together
from pixelwise.inference.engines.coarse_scores import CoarseScores
from pixelwise.inference.engines.devices import device_of
from pixelwise.inference.engines.engine import Engine
from pixelwise.inference.engines.scoring import (
    AnyScores,
    affordable_size,
    finite,
    scored,
    scored_coarsely,
    scoring_bytes,
)
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.probabilities import probabilities_of, scores_of
from pixelwise.inference.results import notebook
from pixelwise.inference.results.cleaning import AS_IS, Cleaning, expect_cleaning
from pixelwise.inference.results.style import USUAL, Style, expect_style
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.sources.given import Source, expect_several, readable
from pixelwise.inference.sources.other_inputs import OtherInputs
from pixelwise.inference.sources.partners import Partners
from pixelwise.inference.tiles import (
    Tiling,
    check_tiles,
    opened_windows,
    shown_on_grid,
    side_of_tiles,
    tiled_scores,
)
from pixelwise.inference.video.frames import check_motion, timed
from pixelwise.inference.views import SINGLE, Views, averaged_scores

_NAMED = 5  # classes in the text of a predictor


class Predictor:
    """A model ready to segment. It keeps no state between calls and may be shared between threads."""

    def __init__(
        self,
        engine: Engine,
        info: ModelInfo,
        identity: str | None = None,
        refiner: Refiner | None = None,
        views: Views = SINGLE,
        inputs: Sequence[str] | None = None,
        source: str | None = None,
        partners: Partners | None = None,
        tiles: str | int | None = None,
        tiles_together: int = 1,
    ) -> None:
        """`identity` tells models of one name apart: results of another model, `refiner` or `views` are not
        reused. `inputs`: what the net takes, default info.inputs. If that is not the image alone, sources are
        arrays (H, W, K) of all inputs stacked, files whose `partners` hold the rest, or files with
        `info.bands`; then `views` is single and `refiner` None. `source`: the file or folder that the model
        came from, for messages. tiles: how large pictures are cut, see tiles.py; `tiles_together` of them are
        scored at a time.
        """
        self._shown = f'model "{printable(info.name)}"' + (f" ({source})" if source else "")
        self.inputs = info.inputs if inputs is None else tuple(inputs)
        if BANDS in self.inputs and (self.inputs != (BANDS,) or info.bands is None):
            raise ModelError(f"{self._shown} does not say which bands it takes", "export it again")
        if not (refiner is None and views == SINGLE and tiles is None):
            self._expect_photos_alone()
        self.engine = engine
        self.info = info
        self.refiner = refiner
        self.views = views
        self.tiles, self.tiles_together = check_tiles(tiles), tiles_together
        self.cleaning, self.style = AS_IS, USUAL
        self.allow_private_urls = False
        self._source, self._partners = source, partners
        model = info.name if identity is None else identity
        model = model if views == SINGLE else f"{model} {views}"
        model = model if tiles is None else f"{model} tiles {tiles}"
        self.identity = model if refiner is None else f"{model} {refiner.identity}"

    def _expect_photos_alone(self) -> None:
        if self.inputs != (IMAGE,):
            raise ModelError(
                f"{self._shown} takes {' and '.join(self.inputs)}; such models work without a CRF, "
                "test-time augmentation and tiles",
                "leave out --crf, --scales, --flip and --tiles",
            )

    def __repr__(self) -> str:
        name, names = printable(self.info.name), [printable(each) for each in self.classes.names]
        shown = ", ".join([*names[:_NAMED], "..."] if len(names) > _NAMED else names)
        engine = f"{type(self.engine).__name__} on {device_of(self.engine)}"
        return f"<Predictor {name}: {len(names)} classes ({shown}), {engine}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the model's card and classes."""
        refined = "no" if self.refiner is None else "by a dense CRF"
        facts = {"engine": type(self.engine).__name__, "device": device_of(self.engine)}
        facts |= {"tiles": str(self.tiles or "no"), "refined": refined}
        return notebook.predictor_html(self.info, facts)

    def with_partners(self, folders: Mapping[str, str | Path]) -> "Predictor":
        """The same model for files. Its other inputs are files with the names of the pictures, in these
        folders by channel ("depth", "hha").

        Raises ModelError if the model takes other inputs than the image and these channels, DataError if one
        is not a folder.
        """
        needed = [name for name in self.inputs if name not in (IMAGE, BANDS)]
        if missing := [name for name in needed if name not in folders]:
            raise self._other_inputs().missing(missing)
        if extra := [name for name in folders if name not in needed]:
            raise ModelError(
                f"{self._shown} takes {' and '.join(self.inputs)}, not {' and '.join(extra)}",
                f"leave out {' and '.join(f'--{name}' for name in extra)}",
            )
        if not needed:
            return self
        made = copy(self)
        recipe = self.info.training.get("recipe")
        data = recipe.get("data") if isinstance(recipe, dict) else None
        made._partners = Partners.of(folders, isinstance(data, str) and data.startswith("nyud:"))
        return made

    def with_refiner(self, refiner: Refiner) -> "Predictor":
        """The same model, whose results are refined. Raises ModelError unless it takes the image alone,
        ValueError for what is not a refiner, such as the name of a preset.
        """
        expect_refiner(refiner)
        self._expect_photos_alone()
        made = copy(self)
        made.refiner, made.identity = refiner, f"{self.identity} {refiner.identity}"
        return made

    def with_cleaning(self, cleaning: Cleaning) -> "Predictor":
        """The same model, whose results are cleaned. Raises ValueError if its classes do not allow it."""
        expect_cleaning(cleaning)
        cleaning.check(self.classes)
        if cleaning == self.cleaning:
            return self
        made = copy(self)
        made.cleaning = cleaning
        made.identity = f"{self.identity} {cleaning}"
        return made

    def with_style(self, style: Style) -> "Predictor":
        """The same model, whose overlays and cutouts are drawn in this style. ValueError for other types."""
        expect_style(style)
        if style == self.style:
            return self
        made = copy(self)
        made.style = style
        made.identity = f"{self.identity} {style}"
        return made

    def identity_for(self, path: Path) -> str:
        """As `identity`; where the picture has partners, it tells those apart too."""
        return self.identity if self._partners is None else f"{self.identity} {self._partners.state(path)}"

    @property
    def classes(self) -> Classes:
        """The model's classes."""
        return self.info.classes

    def __call__(self, source: Source) -> Segmentation:
        """Segment one picture, on a copy of info.scored_size.

        A refiner then takes the picture at its own size, or at the largest size that memory allows: see
        refiner.refined_size.

        source: a path, the http(s) URL of a picture, the content of a picture file or an open binary file, a
        Pillow image, an RGB array (H, W, 3) of uint8, or a torch tensor (3, H, W) or (H, W, 3) of uint8 or of
        floats from 0 to 1. The EXIF orientation of files is applied; Pillow images and arrays are not
        rotated. Raises ImageError for files that are not readable images, ValueError for arrays and tensors
        of another type or shape.
        """
        if self.inputs == (IMAGE,):
            source = readable(source, self.allow_private_urls)
            result = self._of_photo(source)
        else:
            result = self._other_inputs()(source)
        result.path = Path(source) if isinstance(source, str | Path) else None
        result.content = source if isinstance(source, Encoded | Page) else None
        result.style = self.style
        return result.cleaned(self.cleaning) if self.cleaning else result

    def held_bytes(self, source: Source) -> int:
        """Memory that a picture takes from scoring until its result is saved: the scores of its tiles."""
        tiling = self.tiling(source)
        return 0 if tiling is None else tiling.bytes(len(self.classes))

    def tiling(self, source: Source) -> Tiling | None:
        """The tiles in which a picture is scored; None if it is scored in one pass.

        Raises ImageError if the source is a file that is not a picture.
        """
        if self.tiles is None or not isinstance(
            source, str | Path | Image.Image | np.ndarray | Encoded | Page
        ):
            return None
        size = size_before_reading(source)
        side = side_of_tiles(self.tiles, size, self.info.long_side)
        return None if side is None else Tiling.of(size, side, self.info)

    def _of_photo(self, source: Readable) -> Segmentation:
        source = held(source)
        if (tiling := self.tiling(source)) is not None:
            return self._of_tiles(source, tiling)
        photo = read_photo(source, self.info.long_side)
        scores = self._named(self._scores(source, photo, coarsely=self.refiner is None))
        scored = Segmentation(
            scores, photo.size, self.classes, photo.pixels, photo.original, file_notes=photo.notes
        )
        return scored if self.refiner is None else self._refined(source, photo, scored, self.refiner)

    def _named(self, scores: AnyScores) -> AnyScores:
        if scores.shape[0] != len(self.classes):
            raise ModelError(
                f"{self._shown} names {len(self.classes)} classes but scores {scores.shape[0]}",
                "export it again",
            )
        return scores

    def _of_tiles(self, source: Readable, tiling: Tiling) -> Segmentation:
        """The result of a picture in tiles, each of which is scored, and refined, like a picture."""
        self._scored_size((tiling.side, tiling.side))  # if memory allows that
        closest = max(self.views.scales) if self.refiner is None else math.inf
        with (
            PICTURES.reserve(tiling.bytes(len(self.classes))),
            opened_windows(source, tiling.long_side(closest)) as windows,
        ):
            tiling = tiling.turned(windows.size)
            workers = max(self.tiles_together, together(self.engine))
            scores = tiled_scores(tiling, len(self.classes), partial(self._tile, windows), workers)
            shown = shown_on_grid(windows, tiling.grid)
            notes = (*windows.notes, f"scored {tiling}")
            whole = None if self.refiner is None else tiling.grid
            result = Segmentation(scores, windows.size, self.classes, shown, windows.original, whole, notes)
        result.scored_size = tiling.scored_whole
        return result

    def _tile(self, windows: Windows, box: Box, size: tuple[int, int]) -> Scores:
        """Scores of the part `box` of a picture, which is scored at `size`."""
        native = math.ceil(box[2] - box[0]), math.ceil(box[3] - box[1])
        if self.views == SINGLE:
            scores = self.engine.scores(windows.read(box, size))
        else:
            scale = max(1.0, min(max(self.views.scales), max(native) / max(size)))
            closer = windows.read(box, (round(size[0] * scale), round(size[1] * scale)))
            scores = averaged_scores(self.engine, closer, size, self.views)
        scores = self._named(finite(scores, self._shown))
        if self.refiner is not None:
            grid = refined_size(native, len(self.classes))
            refined_beliefs = self.refiner(windows.read(box, grid), probabilities_of(scores, grid))
            scores = scores_of(refined_beliefs)
        return scores

    def scores(self, source: Readable, photo: Photo) -> Scores:
        """(C, h, w) scores of `photo`, the copy of `source` that read_photo made for info.long_side.

        Raises ModelError, before it allocates memory, for a copy that exceeds the memory budget for pictures,
        and for scores that are not finite numbers.
        """
        scores = self._scores(source, photo)
        return scores.enlarged() if isinstance(scores, CoarseScores) else scores

    def _scores(self, source: Readable, photo: Photo, coarsely: bool = False) -> Scores | CoarseScores:
        """As `scores`; coarsely: without the last upsampling, if that can be done later."""
        size = self._scored_size(photo.pixels.shape[:2])
        with PICTURES.reserve(scoring_bytes(size, len(self.classes), max(self.views.scales))):
            if coarsely and self.views == SINGLE:
                return finite(scored_coarsely(self.engine, photo, size), self._shown)
            return finite(
                scored(self.engine, self.info.long_side, self.views, source, photo, size), self._shown
            )

    def _scored_size(self, size: tuple[int, ...]) -> tuple[int, int]:
        """(height, width) of the copy on which a picture of `size` is scored, if memory allows that."""
        return affordable_size(self.info, size, max(self.views.scales), self._shown)

    def _other_inputs(self) -> OtherInputs:
        return OtherInputs(self.engine, self.info, self.inputs, self._shown, self._partners)

    def expect_photos(self) -> None:
        """Raise ModelError if the model takes anything but RGB images."""
        if self.inputs != (IMAGE,):
            raise self._other_inputs().missing([name for name in self.inputs if name != IMAGE])

    def _refined(
        self, source: Readable, photo: Photo, scored: Segmentation, refiner: Refiner
    ) -> Segmentation:
        closer = refined_photo(source, photo, len(self.classes))
        grid = closer.shape[0], closer.shape[1]
        with PICTURES.reserve(reserved_bytes(grid, len(self.classes))):
            scores, shown = refined(refiner, closer, scored.probabilities_at(grid))
        return Segmentation(
            scores, photo.size, self.classes, shown, photo.original, scored.scored_size, photo.notes
        )

    def video(
        self, source: str | Path, every: int = 1, smooth: str | None = None, workers: int | None = None
    ) -> Iterator[tuple[float, Segmentation]]:
        """Segment a video file, the URL of one, or a camera such as "camera:0": yields (time in seconds,
        result), in order.

        every: take every Nth frame. smooth: "mean", a running mean of probabilities, or "crf", the dense CRF
        over space and time, with the predictor's preset. Frames are upright. `workers` as in `batch`. Raises
        ImageError if the video cannot be read, or if PyAV is missing.
        """
        check_motion(every, smooth)
        self.expect_photos()
        return timed(self, source, every, smooth, self.workers(workers), self.allow_private_urls)

    def workers(self, workers: int | None = None) -> int:
        """How many threads should work on pictures: as asked for, at most twice the processors, or enough to
        keep all processors busy, at least two. Raises ValueError for other than a whole number from 1.
        """
        return worker_count(workers, self.engine.threads)

    def batch(
        self, sources: Iterable[Source], workers: int | None = None, progress: bool = False
    ) -> Iterator[Segmentation]:
        """Segment many pictures in threads; results come in order, as they are needed. progress: show a bar
        (tqdm, of the extra `notebook`).

        Only a few sources are read ahead, so `sources` may be endless. An error is raised when its picture's
        turn comes. By default there are enough workers to keep all processors busy, at least two. A model
        loaded with threads=1 is the most efficient here. Raises ValueError for a single picture in place of
        several.
        """
        expect_several(sources)
        results = in_order(self, sources, self.workers(workers))
        total = len(sources) if isinstance(sources, Sized) else None
        return notebook.counted(results, total) if progress else results
