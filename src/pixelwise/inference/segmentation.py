"""The result for one picture: scores on a grid; labels, probabilities and pictures are computed on demand."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise import _core
from pixelwise.core.classes import Classes
from pixelwise.core.errors import ModelError
from pixelwise.core.pictures.label_pictures import mask
from pixelwise.core.pictures.pages import Page
from pixelwise.core.pictures.reading import Encoded, fitting
from pixelwise.core.types import Labels, RGBImage, Scores
from pixelwise.data.annotations.regions import Region, regions_of
from pixelwise.inference.crf_refiner import CRFRefiner, refined, refined_size
from pixelwise.inference.engines.coarse_scores import CoarseScores
from pixelwise.inference.probabilities import (
    Area,
    Beliefs,
    areas_of,
    expect_size,
    fitting_scores,
    labels_of,
    likeliest,
    probabilities_of,
    recounted,
    uncertainty,
)
from pixelwise.inference.results import drawing, matting, notebook
from pixelwise.inference.results.backdrops import on_backdrop
from pixelwise.inference.results.cleaning import AS_IS, Cleaning, cleaned_for_cutout, expect_cleaning
from pixelwise.inference.results.heat import coloured, with_scale
from pixelwise.inference.results.kind import FileIds, Saving
from pixelwise.inference.results.kinds import KINDS, expect_kinds, save_alone, saved_as, saved_notes
from pixelwise.inference.results.legend import all_names, shares
from pixelwise.inference.results.notes import notes_on
from pixelwise.inference.results.style import USUAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FULL_SIZE_PIXELS = 24_000_000
"""Overlays and cutouts of larger pictures are drawn at the grid's size."""

_LONGEST_OVERLAY = 32_000  # JPEG holds sides up to 65535, and the legend adds some


class Segmentation:
    """Labels, probabilities and pictures of one segmented image.

    Scores have a grid (h, w), that of the copy which the net scored or the CRF refined. They are interpolated
    bilinearly to the picture's own size (H, W).
    """

    def __init__(
        self,
        scores: Scores | CoarseScores,
        size: tuple[int, int],
        classes: Classes,
        image: RGBImage,
        original: Callable[[], RGBImage] | None = None,
        scored_size: tuple[int, int] | None = None,
        file_notes: Sequence[str] = (),
        cleaning: Cleaning = AS_IS,
    ) -> None:
        """`scores` (C, h, w) of `image` (h, w, 3), a copy of a picture of `size`, which `original` returns;
        both are kept. If an enlarged picture was scored, `image` is the picture itself.

        scored_size: if the scores were refined, the (height, width) of the copy that the net scored.
        file_notes: what `notes` says about the file. cleaning: done to the labels. Raises ModelError if
        scores are NaN or infinite, ValueError if they are of another shape or type, or if the classes do not
        allow the cleaning.
        """
        if not isinstance(scores, CoarseScores):
            scores = np.ascontiguousarray(fitting_scores(scores, len(classes)), np.float32)
        self._scores: Scores | CoarseScores = scores
        if not (scores.is_finite() if isinstance(scores, CoarseScores) else _core.all_finite(scores)):
            raise ModelError(
                "the scores of this picture hold NaN or infinite numbers",
                "the model's weights are damaged or too large; train or export it again",
            )
        cleaning.check(classes)
        self.cleaning = cleaning
        self._file_notes = tuple(file_notes)
        self.size = size
        self.classes = classes
        self.image = image
        self._original = original
        self.is_refined = scored_size is not None
        """Whether the scores are beliefs of the CRF."""
        self.scored_size = self.grid_size if scored_size is None else scored_size
        """(height, width) of the copy that the net scored."""
        self.path: Path | None = None
        """The file that the picture came from, if it is a whole file of this machine."""
        self.content: Encoded | Page | None = None
        """Else the content of its file, or its page of one, if it came from there."""
        self.file_ids: FileIds | None = None
        """The ids that masks and annotations hold, if those are not the classes' own."""
        self.style = USUAL
        """How overlays and cutouts are drawn."""

    def __repr__(self) -> str:
        found = ", ".join(f"{entry.name} {entry.area:.0%}" for entry in self.areas()[:4])
        return f"<Segmentation {self.size[0]}x{self.size[1]}: {found}>"

    @property
    def scores(self) -> Scores:
        """(C, h, w) scores on the grid."""
        if isinstance(self._scores, CoarseScores):
            self._scores = self._scores.enlarged()
        return self._scores

    @property
    def grid_size(self) -> tuple[int, int]:
        """(height, width) of the grid on which scores are known."""
        return self._scores.shape[1], self._scores.shape[2]

    @cached_property
    def _counted(self) -> tuple[Labels, npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        labels, pixels, confidence = labels_of(self._scores, self.size)
        if not self.cleaning:
            return labels, pixels, confidence
        cleaned = self.cleaning.clean(labels, self.classes)
        return cleaned, *recounted(labels, cleaned, likeliest(self.scores, self.size), len(self.classes))

    @property
    def labels(self) -> Labels:
        """(H, W) the id of the most probable class of every pixel, cleaned if that was asked for."""
        return self._counted[0]

    @property
    def file_labels(self) -> Labels:
        """(H, W) the labels as masks and annotations hold them."""
        return self.labels if self.file_ids is None else self.file_ids.ids[self.labels]

    @property
    def file_classes(self) -> Classes:
        """The classes of `file_labels`."""
        return self.classes if self.file_ids is None else self.file_ids.file_classes

    def cleaned(self, cleaning: Cleaning) -> "Segmentation":
        """The same result with cleaned labels: chosen classes, the largest region, holes, small regions.

        An earlier cleaning still applies: both are joined, and done in the order of Cleaning's fields.
        Probabilities do not change. The confidence of a class is that of its pixels that the cleaning did not
        change.
        """
        expect_cleaning(cleaning)
        return self._changed(self.scores, self.image, self.is_refined, self.cleaning.joined(cleaning))

    def rescored(self, scores: npt.ArrayLike, refined: bool = False) -> "Segmentation":
        """The same picture with other scores (C, h, w), such as those smoothed over a video's frames;
        they are copied.

        refined: whether they come from a CRF. Raises as the constructor does.
        """
        own = fitting_scores(scores, len(self.classes)).astype(np.float32)
        image = drawing.resized(self.image, (own.shape[1], own.shape[2]))
        return self._changed(own, image, refined or self.is_refined, self.cleaning)

    def _changed(self, scores: Scores, image: RGBImage, refined: bool, cleaning: Cleaning) -> "Segmentation":
        result = Segmentation(
            scores, self.size, self.classes, image, self._original, None, self._file_notes, cleaning
        )
        result.is_refined = refined
        if refined or result.grid_size == self.grid_size:
            result.scored_size = self.scored_size
        result.path, result.content, result.style = self.path, self.content, self.style
        result.file_ids = self.file_ids
        return result

    def confidence(self) -> npt.NDArray[np.float32]:
        """(H, W) the probability of each pixel's label, 0 to 1; 0 where cleaning has changed the label."""
        confidence = likeliest(self.scores, self.size)
        if self.cleaning:
            confidence[labels_of(self.scores, self.size)[0] != self.labels] = 0
        return confidence

    @cached_property
    def probabilities(self) -> Beliefs:
        """(C, H, W) softmax of the scores, summing to 1 over classes. Mind the memory on large pictures."""
        return self.probabilities_at(self.size)

    def probabilities_at(self, size: tuple[int, int]) -> Beliefs:
        """(C, *size) softmax of the scores interpolated to another (height, width). Raises ValueError for a
        size that is not two whole numbers above 0.
        """
        expect_size(size)
        return probabilities_of(self.scores, size)

    def areas(self) -> list[Area]:
        """The classes found, largest first."""
        _, pixels, confidence = self._counted
        return areas_of(self.classes.names, pixels, confidence)

    @property
    def drawn_size(self) -> tuple[int, int]:
        """(height, width) of overlay and cutout: the picture's; if that is too large, the grid's; if that is
        too long too, a smaller size.
        """
        fits = self.size[0] * self.size[1] <= FULL_SIZE_PIXELS and max(self.size) <= _LONGEST_OVERLAY
        return self.size if fits else fitting(self.grid_size, _LONGEST_OVERLAY)

    def overlay(
        self, opacity: float | None = None, outlines: bool = True, legend: bool | None = None
    ) -> Image.Image:
        """The photo with classes tinted by `opacity` (0 to 1), outlines, and a legend below; by default as
        the result's style says.

        The tints are easy to distinguish on photos, also for colour-blind people; masks have the palette of
        the classes. The background class, if there is one, is greyed instead. Without the legend the picture
        has `drawn_size`. Its `info` has the photo's colour profile, as that of a cutout.
        """
        style = self.style if opacity is None else replace(self.style, opacity=opacity)
        wanted = style.legend is not False if legend is None else legend
        entries = shares(self.areas(), self.classes) if wanted else []
        drawn = drawing.overlay(*self._drawn(), self.classes, entries, style.opacity, outlines)
        return drawing.in_own_colours(drawn, self.path or self.content)

    def frame(self) -> Image.Image:
        """The overlay of a frame of a video. If the style asks for a legend, it names all classes, in the
        same places below each frame; those that the frame does not show are faint.
        """
        names = all_names(self.areas(), self.classes, self.cleaning.only) if self.style.legend else []
        return drawing.overlay(*self._drawn(), self.classes, names, self.style.opacity, outlines=True)

    def cutout(self, background: str | Path | None = None) -> Image.Image:
        """The photo without its background; ValueError if the classes have none.

        background: "transparent" (then the picture is RGBA), "blur" (the photo, blurred), a colour such as
        "#ff8800", or the path of a picture, which is scaled to cover; by default as the result's style says.

        A result that has not been refined goes through the CRF first, with its default preset, and one that
        has not been cleaned loses regions as `cleaned_for_cutout` says. Pixels at the edges, of hair and fur,
        are as opaque as the object covers them, and have its colour without the old background's.
        """
        if self.classes.background is None:
            raise ValueError("a cutout needs a background class, and this model has none")
        style = self.style if background is None else replace(self.style, background=background)
        photo, labels = self._refined_labels()
        labels = labels if self.cleaning else cleaned_for_cutout(labels, self.classes)
        cut = matting.cutout(photo, labels != self.classes.background)
        return drawing.in_own_colours(on_backdrop(cut, photo, style.background), self.path or self.content)

    def _refined_labels(self) -> tuple[RGBImage, Labels]:
        """Photo and labels at `drawn_size`; the labels are refined."""
        photo, labels = self._drawn()
        if self.is_refined:
            return photo, labels
        grid = refined_size(self.drawn_size, len(self.classes))
        refiner = CRFRefiner(threads=1)
        scores, _ = refined(refiner, drawing.resized(photo, grid), self.probabilities_at(grid))
        whole = Segmentation(scores, self.drawn_size, self.classes, photo, cleaning=self.cleaning)
        return photo, whole.labels

    def photo(self) -> RGBImage:
        """(H, W, 3) the picture itself, an array of its own."""
        photo = self._photo()
        return photo.copy() if np.may_share_memory(photo, self.image) else photo

    def _photo(self) -> RGBImage:
        """As `photo`, which may be `image` itself."""
        return drawing.resized(self.image if self._original is None else self._original(), self.size)

    def mask(self) -> Image.Image:
        """The labels as a palette picture: pixel values are class ids, shown in the classes' colours. Labels
        of a file keep its ids and its palette, and are grey if it has none.
        """
        if self.file_ids is None:
            return mask(self.labels, self.classes)
        picture = Image.fromarray(self.file_labels)
        if self.file_ids.palette is not None:
            picture.putpalette(self.file_ids.palette)
        return picture

    def _drawn(self) -> tuple[RGBImage, Labels]:
        """Photo and labels at `drawn_size`."""
        drawn = self._at_drawn_size()
        photo = self._photo() if drawn is self else drawing.resized(self.image, self.drawn_size)
        return photo, drawn.labels

    def _at_drawn_size(self) -> "Segmentation":
        """The same scores and cleaning at `drawn_size`."""
        if self.drawn_size == self.size:
            return self
        return Segmentation(self.scores, self.drawn_size, self.classes, self.image, cleaning=self.cleaning)

    def confidence_map(self) -> Image.Image:
        """How sure the net is of each pixel's label, in colours: from dark violet at 0 % over green to yellow
        at 100 %, with a scale below unless the style has no legend. Pixels changed by cleaning have 0 %.
        """
        picture = Image.fromarray(coloured(self._at_drawn_size().confidence(), 0, 1))
        return picture if self.style.legend is False else with_scale(picture, "confidence")

    def uncertainty(self) -> float:
        """How unsure the net is about the picture, 0 to 1: one minus the mean probability of the labels."""
        return uncertainty(self.areas())

    def _repr_png_(self) -> bytes:
        return notebook.small_png(self.overlay())

    def _repr_html_(self) -> str:
        """What a notebook shows: the overlay, small, beside the classes found."""
        return notebook.result_html(self.overlay(legend=False), self.areas(), self.classes, self.notes())

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Draw the overlay into matplotlib `axes`, new ones by default, and return them. Raises
        MissingExtraError without matplotlib, which the extra `notebook` has.
        """
        return notebook.plotted(self.overlay(legend=False), self.areas(), self.classes, axes)

    @cached_property
    def all_regions(self) -> list[Region]:
        """The regions of all classes, the background too, with exact outlines. Raises as `regions` does."""
        regions = regions_of(self.file_labels, self._at_drawn_size().confidence())
        return [replace(region, name=self.file_classes.names[region.id]) for region in regions]

    def regions(self, tolerance: float = 0.0) -> list[Region]:
        """The connected regions of all classes but the background: polygons with holes, area, box, centroid
        and confidence of each, by class, then from left to right.

        tolerance: how far the outlines may move, in pixels, to have fewer corners. For pictures beyond
        FULL_SIZE_PIXELS the confidence is that of a smaller copy. Raises ValueError for a negative tolerance,
        ImageError for labels with millions of corners.
        """
        chosen = Saving(tolerance)
        found = (region for region in self.all_regions if region.id != self.file_classes.background)
        return [region.simplified(chosen.tolerance) for region in found]

    def save(
        self, target: str | Path, kinds: Iterable[str] = ("mask", "overlay"), tolerance: float = 0.0
    ) -> dict[str, Path]:
        """Write those files that `kinds` names: TARGET_mask.png, _overlay.jpg, _cutout.png,
        _probabilities.npz, _mask.tif ("geotiff", with the place of the picture on the map, if the file has
        it), TARGET.json ("labelme"), .txt ("yolo"), .geojson, _coco.json, _annotations.xml ("cvat") and
        _regions.csv.

        tolerance: as in `regions`. Folders are created. The files appear under their names together, when all
        are complete. Returns the path by kind; `notes` says which are smaller than the picture. Raises
        ImageError if a file cannot be written; then no file is.
        """
        return save_alone(self, Path(target), kinds, Saving(tolerance))

    def notes(self, kinds: Sequence[str] = ()) -> list[str]:
        """What a user should know: notes on the file, whether a reduced copy was scored or refined, and which
        of `kinds` are saved at a smaller size. Raises ValueError for kinds that `save` does not have.
        """
        kinds = expect_kinds(kinds)
        return notes_on(self, self._file_notes) + saved_notes(self.size, saved_as(self, kinds))

    def saving_bytes(self, kinds: Sequence[str]) -> int:
        """The approximate largest memory for labels and `save`, for memory_budget.PICTURES."""
        pixels = self.size[0] * self.size[1]
        return pixels + max((KINDS[kind].memory(self) for kind in kinds), default=0)
