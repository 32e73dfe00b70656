"""The result for one picture: scores on a grid; labels, probabilities and pictures are computed on demand."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise import _core
from pixelwise.core.classes import Classes
from pixelwise.core.errors import ModelError
from pixelwise.core.files import write_together
from pixelwise.core.pictures.label_pictures import mask
from pixelwise.core.pictures.reading import fitting
from pixelwise.core.types import Labels, RGBImage, Scores
from pixelwise.data.annotations.regions import Region, regions_of
from pixelwise.inference.crf_refiner import CRFRefiner, refined, refined_size
from pixelwise.inference.probabilities import Area, Beliefs, probabilities_of
from pixelwise.inference.results import drawing, matting
from pixelwise.inference.results.cleaning import AS_IS, Cleaning
from pixelwise.inference.results.kind import Saving
from pixelwise.inference.results.kinds import KINDS, save_alone, writes

FULL_SIZE_PIXELS = 24_000_000
"""Overlays and cutouts of larger pictures are drawn at the grid's size."""

CUTOUT_CLEANING = Cleaning(min_region=0.01)
"""Applied to a cutout if the result has not been cleaned."""

_LONGEST_OVERLAY = 32_000  # JPEG holds sides up to 65535, and the legend adds some


class Segmentation:
    """Labels, probabilities and pictures of one segmented image.

    Scores have a grid (h, w), that of the copy which the net scored or the CRF refined. They are interpolated
    bilinearly to the picture's own size (H, W).
    """

    def __init__(
        self,
        scores: Scores,
        size: tuple[int, int],
        classes: Classes,
        image: RGBImage,
        original: Callable[[], RGBImage] | None = None,
        scored_size: tuple[int, int] | None = None,
        file_notes: Sequence[str] = (),
        cleaning: Cleaning = AS_IS,
    ) -> None:
        """`scores` (C, h, w) of `image` (h, w, 3), a copy of a picture of `size`, which `original` returns.
        If an enlarged picture was scored, `image` is the picture itself.

        scored_size: if the scores were refined, the (height, width) of the copy that the net scored.
        file_notes: what `notes` says about the file. cleaning: done to the labels. Raises ModelError if
        scores are NaN or infinite, ValueError if the classes do not allow the cleaning.
        """
        if scores.ndim != 3 or scores.shape[0] != len(classes):
            raise ValueError(
                f"expected scores ({len(classes)}, h, w) for {len(classes)} classes, got {scores.shape}"
            )
        self.scores: Scores = np.ascontiguousarray(scores, np.float32)
        with np.errstate(invalid="ignore"):
            total = float(self.scores.sum(dtype=np.float64))  # finite if and only if all of them are
        if not math.isfinite(total):
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
        """The file that the picture came from."""

    def __repr__(self) -> str:
        found = ", ".join(f"{entry.name} {entry.area:.0%}" for entry in self.areas()[:4])
        return f"<Segmentation {self.size[0]}x{self.size[1]}: {found}>"

    @property
    def grid_size(self) -> tuple[int, int]:
        """(height, width) of the grid on which scores are known."""
        return self.scores.shape[1], self.scores.shape[2]

    @cached_property
    def _counted(self) -> tuple[Labels, npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        labels = np.empty(self.size, np.uint8)
        pixels = np.zeros(len(self.classes), np.int64)
        confidence = np.zeros(len(self.classes), np.float64)
        _core.label_pixels(self.scores, labels, pixels, confidence)
        if not self.cleaning:
            return labels, pixels, confidence
        cleaned = self.cleaning.clean(labels, self.classes)
        same = np.bincount(cleaned[cleaned == labels], minlength=len(self.classes))
        likeliest = self._likeliest()
        sums = np.bincount(cleaned[cleaned == labels], likeliest[cleaned == labels], len(self.classes))
        pixels = np.bincount(cleaned.reshape(-1), minlength=len(self.classes))
        return cleaned, pixels, sums / np.maximum(same, 1) * pixels

    @property
    def labels(self) -> Labels:
        """(H, W) the id of the most probable class of every pixel, cleaned if that was asked for."""
        return self._counted[0]

    def cleaned(self, cleaning: Cleaning) -> "Segmentation":
        """The same result with cleaned labels: chosen classes, the largest region, holes, small regions.

        Probabilities stay. The confidence of a class is that of its pixels which the cleaning did not change.
        """
        result = Segmentation(
            self.scores,
            self.size,
            self.classes,
            self.image,
            self._original,
            self.scored_size if self.is_refined else None,
            self._file_notes,
            cleaning,
        )
        result.scored_size, result.path = self.scored_size, self.path
        return result

    def rescored(self, scores: Scores, refined: bool = False) -> "Segmentation":
        """The same picture with other scores (C, h, w), such as those smoothed over a video's frames.

        refined: whether a CRF has given them.
        """
        return Segmentation(
            scores,
            self.size,
            self.classes,
            drawing.resized(self.image, (scores.shape[1], scores.shape[2])),
            self._original,
            self.scored_size if refined or self.is_refined else None,
            self._file_notes,
            self.cleaning,
        )

    def confidence(self) -> npt.NDArray[np.float32]:
        """(H, W) the probability of each pixel's label, 0 to 1; 0 where cleaning has changed the label."""
        confidence = self._likeliest()
        if self.cleaning:
            labels = np.empty(self.size, np.uint8)
            counts = np.zeros(len(self.classes), np.int64), np.zeros(len(self.classes), np.float64)
            _core.label_pixels(self.scores, labels, *counts)
            confidence[labels != self.labels] = 0
        return confidence

    def _likeliest(self) -> npt.NDArray[np.float32]:
        """(H, W) the probability of the most probable class."""
        confidence = np.empty(self.size, np.float32)
        _core.pixel_confidence(self.scores, confidence)
        return confidence

    @cached_property
    def probabilities(self) -> Beliefs:
        """(C, H, W) softmax of the scores, summing to 1 over classes. Mind the memory on large pictures."""
        return self.probabilities_at(self.size)

    def probabilities_at(self, size: tuple[int, int]) -> Beliefs:
        """(C, *size) softmax of the scores interpolated to another (height, width)."""
        return probabilities_of(self.scores, size)

    def areas(self) -> list[Area]:
        """The classes found, largest first."""
        _, pixels, confidence = self._counted
        total = self.size[0] * self.size[1]
        found = [
            Area(index, self.classes.names[index], int(count) / total, float(confidence[index]) / int(count))
            for index, count in enumerate(pixels)
            if count
        ]
        return sorted(found, key=lambda entry: (-entry.area, entry.id))

    @property
    def drawn_size(self) -> tuple[int, int]:
        """(height, width) of overlay and cutout: the picture's; if that is too large, the grid's; if that is
        too long too, a smaller size.
        """
        fits = self.size[0] * self.size[1] <= FULL_SIZE_PIXELS and max(self.size) <= _LONGEST_OVERLAY
        return self.size if fits else fitting(self.grid_size, _LONGEST_OVERLAY)

    def overlay(self, opacity: float = 0.45, outlines: bool = True, legend: bool = True) -> Image.Image:
        """The photo with classes tinted in their colours by `opacity` (0 to 1), outlines, and a legend below.

        The background class, if there is one, is greyed instead of tinted. Without the legend the picture
        has `drawn_size`.
        """
        if not 0 <= opacity <= 1:
            raise ValueError(f"opacity is a share from 0 to 1, got {opacity}")
        photo, labels = self._drawn()
        areas = self.areas()
        return drawing.overlay(photo, labels, self.classes, areas if legend else [], opacity, outlines)

    def cutout(self) -> Image.Image:
        """The photo as RGBA, transparent on the background; ValueError if the classes have no background.

        A result that has not been refined goes through the CRF first, with its default preset, and one that
        has not been cleaned loses regions as CUTOUT_CLEANING says. Pixels at the edges, of hair and fur, are
        as opaque as the object covers them, and have its colour without the old background's.
        """
        if self.classes.background is None:
            raise ValueError("a cutout needs a background class, and this model has none")
        photo, labels = self._refined_labels()
        labels = labels if self.cleaning else CUTOUT_CLEANING.clean(labels, self.classes)
        return matting.cutout(photo, labels != self.classes.background)

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
        """(H, W, 3) the picture itself."""
        return drawing.resized(self.image if self._original is None else self._original(), self.size)

    def mask(self) -> Image.Image:
        """The labels as a palette picture: pixel values are class ids, shown in the classes' colours."""
        return mask(self.labels, self.classes)

    def _drawn(self) -> tuple[RGBImage, Labels]:
        """Photo and labels at `drawn_size`."""
        if self.drawn_size == self.size:
            return self.photo(), self.labels
        return drawing.resized(self.image, self.drawn_size), self._smaller().labels

    def _smaller(self) -> "Segmentation":
        """The same result at `drawn_size`."""
        return Segmentation(self.scores, self.drawn_size, self.classes, self.image, cleaning=self.cleaning)

    @cached_property
    def all_regions(self) -> list[Region]:
        """The regions of all classes, the background too, with exact outlines. Raises as `regions` does."""
        same = self if self.drawn_size == self.size else self._smaller()
        regions = regions_of(self.labels, same.confidence())
        return [replace(region, name=self.classes.names[region.id]) for region in regions]

    def regions(self, tolerance: float = 0.0) -> list[Region]:
        """The connected regions of all classes but the background: polygons with holes, area, box, centroid
        and confidence of each, by class, then from left to right.

        tolerance: by how many pixels the outlines may move, so that they have fewer corners. Of pictures
        beyond FULL_SIZE_PIXELS the confidence is that of a smaller copy. Raises ValueError for a negative
        tolerance, ImageError for labels with millions of corners.
        """
        chosen = Saving(tolerance)
        found = (region for region in self.all_regions if region.id != self.classes.background)
        return [region.simplified(chosen.tolerance) for region in found]

    def save(
        self, target: str | Path, kinds: Sequence[str] = ("mask", "overlay"), tolerance: float = 0.0
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

    def save_probabilities(self, path: Path) -> None:
        """Write an .npz file: `probabilities` (float16, C x H x W), names of `classes`, their `palette`."""
        write_together(writes(self, {"probabilities": path}, Saving()))

    def notes(self, kinds: Sequence[str] = ()) -> list[str]:
        """What a user should know: notes on the file, whether a reduced copy was scored or refined, and which
        of `kinds` are saved at a smaller size.
        """
        notes = list(self._file_notes)
        if self.scored_size != self.size:
            changed = "enlarged" if max(self.scored_size) > max(self.size) else "reduced"
            notes.append(f"scored on a copy {changed} to {_by(self.scored_size)}")
        if self.cleaning:
            notes.append(f"cleaned: {self.cleaning}")
        if self.is_refined:
            copy = "" if self.grid_size == self.size else f" on a copy reduced to {_by(self.grid_size)}"
            notes.append(f"refined{copy}")
        sizes = {kind: KINDS[kind].size(self) for kind in kinds}
        smaller = [kind for kind in kinds if sizes[kind] != self.size]
        for size in dict.fromkeys(sizes[kind] for kind in smaller):
            of_size = " and ".join(kind for kind in smaller if sizes[kind] == size)
            notes.append(f"{of_size} saved at {_by(size)}")
        notes += filter(None, (KINDS[kind].note(self) for kind in kinds))
        return notes

    def saving_bytes(self, kinds: Sequence[str]) -> int:
        """The approximate largest memory for labels and `save`, for memory_budget.PICTURES."""
        pixels = self.size[0] * self.size[1]
        return pixels + max((KINDS[kind].memory(self) for kind in kinds), default=0)


def _by(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
