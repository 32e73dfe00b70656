"""One picture that the page has open: the net's beliefs, and a CRF that is changed and stepped.

The lattices are kept until a width changes, the unary until a scribble does. So a further iteration costs one
step, and another weight the iterations.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pixelwise.core.pictures.reading import fitting
from pixelwise.core.types import Labels, RGBImage
from pixelwise.crf import DenseCRF, Preset, unary_from_probabilities
from pixelwise.crf.presets import NOMINAL_SIDE
from pixelwise.inference.crf_refiner import most_vertices
from pixelwise.inference.probabilities import Beliefs, scores_of
from pixelwise.inference.results.drawing import resized
from pixelwise.inference.segmentation import Segmentation
from pixelwise.serve.sessions.change import BASE, Change, Scribble

_POSSIBLE = 0.1
"""A class that has less than this probability everywhere is left out of the CRF, which is faster then. On the
example photos 3 of 100,000 pixels get another label.
"""

_STRENGTH = 15.0
"""By how much a scribble makes a class likelier than the best other, or less likely: more than kernels of
usual weights can outvote."""

_COLOURS = 20.0
"""The width of a scribble's effect in grey levels."""

_SAMPLES = 12
"""Points of a scribble whose surroundings and colours it reaches."""


@dataclass(frozen=True)
class _Unary:
    """Energies of the classes `ids` with these scribbles."""

    ids: tuple[int, ...]
    scribbles: tuple[Scribble, ...]
    energies: npt.NDArray[np.float32]


class CRFSession:
    """A segmented picture on a grid whose long side is at most NOMINAL_SIDE, where the widths of a preset are
    pixels. Threads may share it; its calls wait for each other."""

    def __init__(
        self,
        segmented: Segmentation,
        whole: RGBImage,
        again: Callable[[], RGBImage],
        name: str = "",
        threads: int | None = None,
    ) -> None:
        """`segmented`: the net's result for the picture `whole`, which is not kept; `again` decodes it again,
        for overlays and cutouts; `name`: that of its file, if it was given."""
        self.name = name
        self.classes, self.notes = segmented.classes, segmented.notes()
        self.whole_size, self._content = segmented.size, segmented.content
        self._again, self._threads = again, threads
        self.size = fitting(segmented.size, NOMINAL_SIDE)
        self._image = resized(whole, self.size)
        self._net = segmented.probabilities_at(self.size)
        self._likely = self._net.reshape(len(self.classes), -1).max(1)
        self._calls = threading.Lock()
        self._unary: _Unary | None = None
        self._crf: DenseCRF | None = None
        self._lattice: tuple[Preset, tuple[int, ...]] | None = None

    def beliefs(self, change: Change) -> Beliefs:
        """(C, h, w) after the change's iterations. Raises ValueError for a class that the model lacks, and
        LatticeTooLarge for noise that takes too much memory."""
        ids, some = self._possible(change)
        beliefs = np.zeros((len(self.classes), *self.size), np.float32)
        beliefs[list(ids)] = some
        return beliefs

    def labels(self, change: Change) -> tuple[Labels, npt.NDArray[np.uint8]]:
        """(h, w) class ids, and their probabilities from 0 to 255. Raises as `beliefs` does."""
        ids, some = self._possible(change)
        labels = np.array(ids, np.uint8)[some.argmax(0)]
        return labels, (some.max(0) * 255).round().astype(np.uint8)

    def _possible(self, change: Change) -> tuple[tuple[int, ...], Beliefs]:
        """The classes that take part, and their beliefs."""
        with self._calls:
            unary = self._with_scribbles(tuple(change.scribbles))
            crf = self._ready(unary, replace(change.preset(), iterations=0))
            if crf.iterations > change.iterations:
                crf.set_unary(unary.energies)
            crf.step(change.iterations - crf.iterations)
            return unary.ids, crf.q

    def segmentation(self, change: Change) -> Segmentation:
        """The result in the picture's own size."""
        scores = scores_of(self.beliefs(change))
        made = Segmentation(
            scores, self.whole_size, self.classes, self._image, self._again, scored_size=self.size
        )
        made.content = self._content  # whose colours its pictures have
        return made

    def _with_scribbles(self, scribbles: tuple[Scribble, ...]) -> _Unary:
        if self._unary is not None and self._unary.scribbles == scribbles:
            return self._unary
        if wrong := [s.class_id for s in scribbles if s.class_id >= len(self.classes)]:
            raise ValueError(f"expected class ids below {len(self.classes)}, got {wrong[0]}")
        ids = set(np.flatnonzero(self._likely >= _POSSIBLE).tolist())
        ids |= set(np.argsort(-self._likely)[:2].tolist()) | {scribble.class_id for scribble in scribbles}
        chosen = tuple(sorted(ids))
        some = self._net[list(chosen)]
        energies = unary_from_probabilities(some / some.sum(0))
        for scribble in scribbles:
            own = chosen.index(scribble.class_id)
            others = np.delete(energies, own, axis=0).min(0)
            wanted = others - _STRENGTH if scribble.more else others + _STRENGTH
            changed = energies[own] + self._reach(scribble) * (wanted - energies[own])
            energies[own] = (np.minimum if scribble.more else np.maximum)(energies[own], changed)
        self._unary = _Unary(chosen, scribbles, energies)
        if self._crf is not None and self._lattice is not None and self._lattice[1] == chosen:
            self._crf.set_unary(energies)
        return self._unary

    def _ready(self, unary: _Unary, preset: Preset) -> DenseCRF:
        """The CRF for these parameters, with the lattices of the last call if only weights differ."""
        kernels = preset.kernels(self._image)
        lattices, weights = replace(preset, w1=BASE.w1), [kernel.weight for kernel in kernels]
        if self._crf is None or self._lattice != (lattices, unary.ids):
            self._crf = None  # frees the old lattices first
            self._crf = DenseCRF(
                unary.energies,
                kernels,
                threads=self._threads,
                most_vertices=most_vertices(self.size, len(unary.ids)),
            )
            self._lattice = lattices, unary.ids
        elif self._crf.weights != tuple(weights):
            self._crf.set_weights(weights)
        return self._crf

    def _reach(self, scribble: Scribble) -> npt.NDArray[np.float32]:
        """(h, w) from 0 to 1: 1 on the stroke, less around it where colours are alike."""
        height, width = self.size
        drawn = Image.new("L", (width, height))
        _stroke(ImageDraw.Draw(drawn), scribble.points, scribble.radius)
        stroke = np.asarray(drawn) > 0
        reach = stroke.astype(np.float32)
        inside = np.argwhere(stroke)
        if len(inside) == 0:
            return reach
        samples = inside[np.linspace(0, len(inside) - 1, _SAMPLES).astype(int)]
        wide = 3 * scribble.radius + 10
        for row, column in samples:
            top, left = (max(0, int(place - 3 * wide)) for place in (row, column))
            window = np.s_[top : int(row + 3 * wide), left : int(column + 3 * wide)]
            colours = self._image[window].astype(np.float32)
            rows, columns = np.ogrid[top : top + len(colours), left : left + colours.shape[1]]
            near = ((rows - row) ** 2 + (columns - column) ** 2) / (2 * wide**2)
            alike = np.square(colours - self._image[row, column]).sum(2) / (2 * _COLOURS**2)
            reach[window] = np.maximum(reach[window], np.exp(-near - alike))
        return reach


def _stroke(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], radius: float) -> None:
    draw.line([*points, points[-1]], fill=1, width=max(1, round(2 * radius)))
    for x, y in points:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
